"""Answers of an account in synthesis: what they refuse, what is open, what they change."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from ultrafleet.doctor.answers import Answers, UsableAnswer, answers_file, answers_of, read_answers
from ultrafleet.doctor.probe import Verdict
from ultrafleet.doctor.probes import PROBES
from ultrafleet.environment import Environment, EnvironmentFileError
from ultrafleet.environment.addons import addons_of_unknown_version
from ultrafleet.environment.existing import makes_node_groups
from ultrafleet.environment.layers import existing_things
from ultrafleet.environment.local_zones import ZoneGroup, local_zone_groups
from ultrafleet.errors import FleetError

_OPT_IN: Final = "assumption/zone-opted-in"
_EXISTING: Final = "existing-"
"""Beginning of the ids of probes of existing things."""
_PREFIXES: Final = (
    "IP addresses are counted for a vpc-cni with ENABLE_PREFIX_DELEGATION=true and WARM_PREFIX_TARGET=1, as this "
    "library sets it on clusters of its own; the existing cluster's is not changed: with single addresses a node takes "
    "others, and fewer pods fit"
)


@dataclass(frozen=True, kw_only=True)
class Note:
    """Sentence about an environment that its reader should know and that stops nothing.

    Attributes:
        id: kind of the note, `local-zone-opt-in`.
        text: the sentence.
    """

    id: str
    text: str


def answers_beside(folder: Path, environment: Environment, *, today: date) -> Answers:
    """Answers beside an environment file, as the environment may use them.

    Args:
        folder: of the environment files.
        environment: the environment.
        today: day (UTC) by which an answer's age counts.

    Raises:
        FleetError: the file isn't one of answers.
    """
    recorded = read_answers(answers_file(folder, environment.name))
    return answers_of(environment, recorded, probes=PROBES, today=today)


def refuse_contradicted(folder: Path, environment: Environment, answers: Answers) -> None:
    """Refuse an environment whose account answered that its nodes can't launch.

    Args:
        folder: of the environment files.
        environment: the environment.
        answers: of its account.

    Raises:
        EnvironmentFileError: a line for each such answer: file, path, what was observed, what is expected, remedy.
    """
    if answers.refusals:
        raise EnvironmentFileError.of([_refusal(folder, environment, item) for item in answers.refusals])


def _refusal(folder: Path, environment: Environment, item: UsableAnswer) -> FleetError:
    answer, question = item.answer, item.question
    places = [str(folder / f"{environment.name}.yaml"), question.path, answer.subject]
    path = ": ".join(place for place in places if place)
    again = (
        f"then `ultrafleet doctor {environment.name}` asks again and writes {answers_file(folder, environment.name)}"
    )
    remedy = f"{answer.remedy}; {again}" if answer.remedy else again
    return FleetError(
        f"{path}: {answer}, expected {question.expected}: {remedy}",
        path=path,
        got=answer.observed,
        expected=question.expected,
        remedy=remedy,
    )


def settled(answers: Answers) -> tuple[str, ...]:
    """Questions that answers settle and how, sorted: what of a file of answers counts for the templates.

    Days and words of an answer don't: asking again changes nothing where the account answers the same.

    Args:
        answers: of an environment's account.
    """
    return tuple(
        sorted(
            f"{item.answer.probe}: {item.answer.subject}: {item.answer.verdict}"
            for item in answers.usable
            if item.answer.verdict in {Verdict.YES, Verdict.NO}
        )
    )


def notes(environment: Environment, answers: Answers) -> list[Note]:
    """Notes on what an environment rests on and its account hasn't answered by yes.

    Args:
        environment: the environment.
        answers: of its account.
    """
    found = [
        Note(id="local-zone-opt-in", text=_opt_in(environment, group))
        for group in local_zone_groups(environment)
        if not _is_opted_in(group, answers)
    ]
    found += _existing_notes(environment, answers)
    unknown = addons_of_unknown_version(environment)
    if unknown:
        text = (
            f"not verified: EKS chooses the version of {', '.join(unknown)}, and checks configuration against it: no "
            f"source states one for Kubernetes {environment.cluster.kubernetes_version}; pin it in "
            "cluster.addon_versions"
        )
        found.append(Note(id="add-on-version", text=text))
    found += [
        Note(id="answer", text=f"{item.question.path}: {item.answer.subject}: {item.answer}: {item.answer.remedy}")
        for item in answers.usable
        if item.answer.verdict is Verdict.NO and not item.question.stops_launch
    ]
    found += [Note(id="ignored-answer", text=str(item)) for item in answers.ignored]
    return found


def _existing_notes(environment: Environment, answers: Answers) -> list[Note]:
    """Notes on existing things: that they stay as they are, and what of theirs the account hasn't confirmed."""
    things = existing_things(environment)
    if not things:
        return []
    found = [Note(id="existing", text=f"existing, used and never changed: {', '.join(map(str, things))}")]
    confirmed = {
        (item.answer.probe, item.answer.subject) for item in answers.usable if item.answer.verdict is Verdict.YES
    }
    open_ = [
        f"{question.subject}: {question.expected}"
        for probe in PROBES
        if probe.id.startswith(_EXISTING)
        for question in probe.questions(environment)
        if (probe.id, question.subject) not in confirmed
    ]
    if open_:
        text = f"not verified of what exists (`ultrafleet doctor {environment.name}` checks it): {'; '.join(open_)}"
        found.append(Note(id="existing-unverified", text=text))
    if environment.cluster.existing is not None and makes_node_groups(environment):
        found.append(Note(id="existing-network-add-on", text=_PREFIXES))
    return found


def _opt_in(environment: Environment, group: ZoneGroup) -> str:
    return (
        f"subnet{'s' if len(group.subnets) > 1 else ''} {', '.join(group.subnets)} in {', '.join(group.zones)}: not "
        f"verified that account {environment.account} is opted in to {group.name}: `{group.command}` opts in, "
        f"`ultrafleet doctor {environment.name}` checks it"
    )


def _is_opted_in(group: ZoneGroup, answers: Answers) -> bool:
    opted_in = {answer.subject for answer in answers.settling(_OPT_IN) if answer.verdict is Verdict.YES}
    return set(group.zones) <= opted_in
