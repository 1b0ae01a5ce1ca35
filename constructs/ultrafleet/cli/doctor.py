"""`ultrafleet doctor`: asks AWS what no document settles, and keeps the answers beside the environment."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ultrafleet.cli._completion import environment_names
from ultrafleet.cli.asked_account import AskedAccount
from ultrafleet.cli.live_account import PREFLIGHT_PERMISSIONS, RETAINED_PERMISSIONS
from ultrafleet.doctor import (
    PROBES,
    Answer,
    Probe,
    Question,
    Verdict,
    answers_file,
    ask,
    kept_answers,
    read_answers,
    record,
    write_answers,
)
from ultrafleet.doctor.policy import policy_document
from ultrafleet.doctor.probes.identity import ACCOUNT
from ultrafleet.environment import Environment, load_environments

_SOME_NO: Final = 1
_SOME_UNANSWERED: Final = 3
_INTERRUPTED: Final = 130
_WIDTH: Final = max(map(len, Verdict))


def doctor(
    environment: Annotated[str, typer.Argument(help="name of the environment", autocompletion=environment_names)],
    *,
    create: Annotated[
        bool, typer.Option("--create", help="also ask what can only be seen by making something; each is asked for")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="with --create: make it without asking")] = False,
    only: Annotated[list[str] | None, typer.Option(help="ID of a probe; repeatable. Default: every probe")] = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="print the IAM policy that doctor, preflight and retained need, and stop")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="write no file")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    as_of: Annotated[
        datetime | None, typer.Option(help="UTC moment of the questions, for a simulated clock; default: now")
    ] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
) -> None:
    """Ask AWS about what an environment rests on and no document settles.

    Prints a line for each question and keeps the answers in answers/ENV.json, beside the environment's file: synth
    refuses nodes that can't launch by them, and the summary, a deployment and `ultrafleet facts` take for known what
    they verify. An answer counts for its account and region, and for 90 days. Commit the file.

    Reads, and costs nothing. With --create it also makes a node group of one small node and deletes it, whatever
    happens: what it makes and what that costs is said and asked for first.

    Exit code 0: every answer is yes, 1: some are no, 2: unusable input or credentials, 3: some are denied or unclear,
    130: interrupted; then what was made is deleted, and what was answered is kept.

    Needs the permissions of `ultrafleet doctor ENV --policy`, with --create those of `--policy --create`.
    """
    (loaded,) = load_environments(environments, only=environment)
    probes = _chosen(only, create=create)
    if policy:
        print(json.dumps(_policy(loaded, probes), indent=2))
        return
    moment = as_of.replace(tzinfo=UTC) if as_of is not None else None
    account = AskedAccount(loaded, as_of=moment)
    asked: list[_Asked] = []
    interrupted = False
    try:
        for result in _asked(loaded, probes, account, confirmed=yes):
            asked.append(result)
            if not as_json:
                print(result)
    except KeyboardInterrupt:  # what was made is deleted by now, and what was answered is kept
        interrupted = True
    path = answers_file(environments, environment)
    written = not dry_run and all(item.probe is not ACCOUNT or item.verdict is Verdict.YES for item in asked)
    if written:
        today = account.now().date()
        new = [
            record(item.probe, item.question, item.answer, environment=loaded, asked=today)
            for item in asked
            if item.answer is not None
        ]
        write_answers(path, kept_answers(loaded, read_answers(path), new, probes=PROBES, today=today))
    code = _INTERRUPTED if interrupted else _exit_code(asked)
    if as_json:
        print(json.dumps(_as_json(loaded, asked, path if written else None, code), indent=2))
    else:
        print(_summary(loaded, asked, path if written else None))
    if code:
        raise typer.Exit(code)


@dataclass(frozen=True)
class _Asked:
    """Question and answer; no answer where there is nothing to ask about yet."""

    probe: Probe
    question: Question
    answer: Answer | None

    @property
    def verdict(self) -> str:
        return "later" if self.answer is None else self.answer.verdict

    def __str__(self) -> str:
        about = f"{self.verdict:{_WIDTH}} {self.probe.id}, {self.question.subject}: "
        if self.answer is None:
            return about + self.probe.later
        text = about + self.answer.observed
        if self.answer.verdict is Verdict.NO:
            text += f"; expected {self.question.expected}"
        return f"{text}\n  {self.answer.remedy}" if self.answer.remedy else text


def _chosen(only: Sequence[str] | None, *, create: bool) -> list[Probe]:
    """Probes to ask, the account's first.

    Raises:
        typer.BadParameter: there is no probe of an id, or it makes something and `--create` isn't there.
    """
    usable = [probe for probe in PROBES if create or not probe.creates]
    unknown = sorted(set(only or ()) - {probe.id for probe in usable})
    if unknown:
        ids = ", ".join(probe.id for probe in usable)
        raise typer.BadParameter(f"--only is {unknown[0]}, expected one of {ids}{'' if create else ' (or --create)'}")
    return [probe for probe in usable if not only or probe.id in only or probe is ACCOUNT]


def _asked(
    environment: Environment, probes: Sequence[Probe], account: AskedAccount, *, confirmed: bool
) -> Iterator[_Asked]:
    for probe in probes:
        questions = list(probe.questions(environment))
        if probe.creates and questions and not confirmed and not _confirm(probe):
            continue
        for question in questions:
            result = _Asked(probe, question, ask(question, account))
            yield result
            if probe is ACCOUNT and result.verdict != Verdict.YES:
                return  # every other answer would be another account's


def _confirm(probe: Probe) -> bool:
    """True if the user lets a probe make what it makes."""
    return typer.confirm(f"{probe.id}: {probe.asks} It makes {probe.cost}, and deletes it. Do it?", err=True)


def _policy(environment: Environment, probes: Sequence[Probe]) -> dict[str, Any]:
    return policy_document(environment, probes=probes, others=(*PREFLIGHT_PERMISSIONS, *RETAINED_PERMISSIONS))


def _exit_code(asked: Sequence[_Asked]) -> int:
    verdicts = {item.verdict for item in asked}
    if Verdict.NO in verdicts:
        return _SOME_NO
    return _SOME_UNANSWERED if verdicts & {Verdict.DENIED, Verdict.UNCLEAR} else 0


def _summary(environment: Environment, asked: Sequence[_Asked], path: Path | None) -> str:
    counts = Counter(item.verdict for item in asked)
    spelled = ", ".join(f"{counts[verdict]} {verdict}" for verdict in (*Verdict, "later") if counts[verdict])
    kept = f"kept in {path}" if path is not None else "nothing is written"
    return f"{environment.name} in account {environment.account}: {spelled}; {kept}"


def _as_json(environment: Environment, asked: Sequence[_Asked], path: Path | None, code: int) -> dict[str, object]:
    return {
        "environment": environment.name,
        "account": environment.account,
        "region": environment.region,
        "exit_code": code,
        "file": None if path is None else str(path),
        "answers": [
            {
                "probe": item.probe.id,
                "subject": item.question.subject,
                "expected": item.question.expected,
                "verdict": item.verdict,
                "observed": item.probe.later if item.answer is None else item.answer.observed,
                "remedy": None if item.answer is None else item.answer.remedy or None,
                "settles": list(item.question.settles),
                "stops_launch": item.question.stops_launch,
            }
            for item in asked
        ],
    }
