"""File of an account's answers, kept beside the environment: `answers/ENV.json` in the folder of environment files."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ultrafleet.doctor.probe import Answer, Probe, Question, Verdict
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError

MAX_AGE_DAYS: Final = 90
"""Age in days above which an answer is ignored."""
_MOST_BYTES: Final = 4_000_000
"""Size in bytes above which a file isn't read."""
_FORMAT: Final = 1
_LONGEST_VALUE: Final = 100
"""Characters of a value up to which an error shows it."""
_REMEDY: Final = "run `ultrafleet doctor {name}` again"


class RecordedAnswer(BaseModel):
    """Answer of an account, as the file keeps it.

    Attributes:
        probe: id of the probe.
        subject: the thing that was asked about.
        expected: what the environment needed then.
        settles: ids of the facts that a `yes` verifies.
        verdict: yes, no, denied or unclear.
        observed: what AWS answered.
        remedy: what to do about it.
        account: the account that answered.
        region: the region that answered.
        asked: day (UTC) of the answer.
        version: version of ultrafleet that asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    probe: str = Field(min_length=1)
    subject: str
    expected: str
    settles: tuple[str, ...] = ()
    verdict: Verdict
    observed: str
    remedy: str = ""
    account: str = Field(pattern=r"^\d{12}$")
    region: str = Field(min_length=1)
    asked: date
    version: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Parts of which the file keeps one answer: account, region, probe and subject."""
        return (self.account, self.region, self.probe, self.subject)

    def __str__(self) -> str:
        return f"account {self.account} answered {self.verdict} on {self.asked}: {self.observed}"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(ge=_FORMAT, le=_FORMAT)
    answers: tuple[RecordedAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class IgnoredAnswer:
    """Answer that isn't used.

    Attributes:
        answer: the answer.
        reason: why it isn't.
    """

    answer: RecordedAnswer
    reason: str

    def __str__(self) -> str:
        return f"answer of {self.answer.probe} about {self.answer.subject} is ignored: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class UsableAnswer:
    """Answer that an environment may use, with the question that it answers.

    Attributes:
        answer: the answer.
        question: the question, as the environment asks it today.
    """

    answer: RecordedAnswer
    question: Question


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers of an environment's file.

    Attributes:
        usable: of this account and region, young enough, to a question that the environment asks.
        ignored: the others, each with its reason.
        unanswered: questions of the environment that no usable answer says yes or no to.
    """

    usable: tuple[UsableAnswer, ...] = ()
    ignored: tuple[IgnoredAnswer, ...] = ()
    unanswered: tuple[Question, ...] = ()

    @property
    def refusals(self) -> list[UsableAnswer]:
        """Answers by which nodes can't launch."""
        return [item for item in self.usable if item.answer.verdict is Verdict.NO and item.question.stops_launch]

    def contradicting(self, fact_id: str) -> list[RecordedAnswer]:
        """Answers by which a fact doesn't hold in this account.

        Args:
            fact_id: as `ultrafleet facts` lists it, such as `assumption/zone-opted-in`.
        """
        return [answer for answer in self.settling(fact_id) if answer.verdict is Verdict.NO]

    def verifying(self, fact_id: str) -> list[RecordedAnswer]:
        """Answers by which a fact holds in this account; none unless every question about it is answered by yes.

        Args:
            fact_id: as `ultrafleet facts` lists it, such as `assumption/zone-opted-in`.
        """
        found = self.settling(fact_id)
        open_ones = any(fact_id in question.settles for question in self.unanswered)
        return [] if open_ones or any(answer.verdict is Verdict.NO for answer in found) else found

    def settling(self, fact_id: str) -> list[RecordedAnswer]:
        """Answers by yes or no to questions about a fact.

        Args:
            fact_id: as `ultrafleet facts` lists it, such as `assumption/zone-opted-in`.
        """
        return [
            item.answer
            for item in self.usable
            if fact_id in item.question.settles and item.answer.verdict in {Verdict.YES, Verdict.NO}
        ]


def answers_file(folder: Path, name: str) -> Path:
    """Path of an environment's answers.

    Args:
        folder: of the environment files.
        name: of the environment.
    """
    return folder / "answers" / f"{name}.json"


def record(
    probe: Probe, question: Question, answer: Answer, *, environment: Environment, asked: date
) -> RecordedAnswer:
    """Answer as the file keeps it.

    Args:
        probe: the probe that asked.
        question: its question.
        answer: the account's answer.
        environment: whose account and region answered.
        asked: day (UTC) of the answer.
    """
    return RecordedAnswer(
        probe=probe.id,
        subject=question.subject,
        expected=question.expected,
        settles=question.settles,
        **asdict(answer),
        account=environment.account,
        region=environment.region,
        asked=asked,
        version=version("ultrafleet"),
    )


def read_answers(path: Path) -> list[RecordedAnswer]:
    """Answers of a file; none where there is no file.

    Args:
        path: the file.

    Raises:
        FleetError: the file isn't one of answers: its text, line or key is named.
    """
    if not path.exists():
        return []
    remedy = _REMEDY.format(name=path.stem) + ", without this file"
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8") if size <= _MOST_BYTES else None
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(path=path, got=f"unreadable ({error})", expected="answers as JSON", remedy=remedy) from error
    if text is None:
        raise FleetError(path=path, verb="has", got=f"{size} bytes", expected=f"at most {_MOST_BYTES}", remedy=remedy)
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise FleetError(path=path, got="nested too deeply", expected="answers as JSON", remedy=remedy) from error
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise FleetError(
            path=f"{path}{line}", got=f"no valid JSON ({error})", expected="answers as JSON", remedy=remedy
        ) from error
    try:
        answers = _File.model_validate(content).answers
    except ValidationError as error:
        raise _invalid(path, error, remedy) from None
    seen: set[tuple[str, ...]] = set()
    for index, answer in enumerate(answers):
        if answer.key in seen:
            raise FleetError(
                path=f"{path}: answers[{index}]",
                got=f"a second answer of {answer.probe} about {answer.subject}",
                expected="one of each account and region",
                remedy="remove one of them",
            )
        seen.add(answer.key)
    return list(answers)


def _invalid(path: Path, error: ValidationError, remedy: str) -> FleetError:
    first = error.errors(include_url=False)[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    shown = repr(first["input"])
    return FleetError(
        path=f"{path}: {key}" if key else path,
        got=shown if len(shown) <= _LONGEST_VALUE else type(first["input"]).__name__,
        expected=first["msg"][:1].lower() + first["msg"][1:],
        remedy=remedy,
    )


def merged(kept: Iterable[RecordedAnswer], new: Iterable[RecordedAnswer]) -> list[RecordedAnswer]:
    """Answers of both, of each question the new one, sorted."""
    found = {answer.key: answer for answer in (*kept, *new)}
    return [found[key] for key in sorted(found)]


def kept_answers(
    environment: Environment,
    old: Iterable[RecordedAnswer],
    new: Iterable[RecordedAnswer],
    *,
    probes: Sequence[Probe],
    today: date,
) -> list[RecordedAnswer]:
    """Answers to keep: the new ones, and those of the old that the environment may still use.

    A denial takes the place of no answer that settled something: the account hasn't changed its mind.

    Args:
        environment: the environment.
        old: answers of its file.
        new: answers of today.
        probes: every probe.
        today: day (UTC) by which an answer's age counts.
    """
    usable = {item.answer.key: item.answer for item in answers_of(environment, old, probes=probes, today=today).usable}
    settled = {key for key, answer in usable.items() if answer.verdict in {Verdict.YES, Verdict.NO}}
    return merged(
        usable.values(),
        (answer for answer in new if answer.verdict is not Verdict.DENIED or answer.key not in settled),
    )


def write_answers(path: Path, answers: Iterable[RecordedAnswer]) -> None:
    """Write a file of answers; the same answers always make the same text.

    Args:
        path: the file; its folder is made where there is none.
        answers: one of each key.
    """
    ordered = sorted(answers, key=lambda answer: answer.key)
    content = {"format": _FORMAT, "answers": [answer.model_dump(mode="json") for answer in ordered]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def answers_of(
    environment: Environment, answers: Iterable[RecordedAnswer], *, probes: Sequence[Probe], today: date
) -> Answers:
    """Answers that an environment may use, and those that it may not.

    Args:
        environment: the environment.
        answers: of its file.
        probes: every probe; an answer to a question that none of them asks of the environment is ignored.
        today: day (UTC) by which an answer's age counts.
    """
    questions = {(probe.id, item.subject): item for probe in probes for item in probe.questions(environment)}
    usable, ignored = [], []
    for answer in answers:
        question = questions.get((answer.probe, answer.subject))
        reason = _reason(answer, question, environment, today)
        if reason or question is None:
            ignored.append(IgnoredAnswer(answer=answer, reason=reason))
        else:
            usable.append(UsableAnswer(answer=answer, question=question))
    settled = {
        (item.answer.probe, item.answer.subject) for item in usable if item.answer.verdict in {Verdict.YES, Verdict.NO}
    }
    open_ones = tuple(question for key, question in questions.items() if key not in settled)
    return Answers(usable=tuple(usable), ignored=tuple(ignored), unanswered=open_ones)


def _reason(answer: RecordedAnswer, question: Question | None, environment: Environment, today: date) -> str:
    """Reason for which an answer isn't used; "" of one that is."""
    age = today - answer.asked
    reasons = {
        f"account {answer.account} gave it, the environment's is {environment.account}": answer.account
        != environment.account,
        f"region {answer.region} gave it, the environment's is {environment.region}": answer.region
        != environment.region,
        f"it is of {answer.asked}, more than {MAX_AGE_DAYS} days before {today}": age > timedelta(days=MAX_AGE_DAYS),
        f"it is of {answer.asked}, after {today}": age < timedelta(days=-1),
        "the environment no longer asks it": question is None,
    }
    if question is not None:
        changed = f"it was asked for {answer.expected}, the environment needs {question.expected}"
        reasons[changed] = question.expected != answer.expected
    return next((reason for reason, applies in reasons.items() if applies), "")
