"""`ultrafleet check`: policy for any CloudFormation template."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from ultrafleet.cli._fixing import fix as repair
from ultrafleet.cli._refusal import refuse
from ultrafleet.errors import FleetError
from ultrafleet.plain_text import for_terminal, visible_json
from ultrafleet.policy import (
    RULES,
    BaselineEntry,
    Finding,
    HeldToBaseline,
    Severity,
    acknowledge,
    baseline_of,
    check_templates,
    held_to_baseline,
    read_acknowledgements,
    read_baseline,
    read_templates,
)
from ultrafleet.policy.annotations import CodeHost, code_quality, workflow_commands
from ultrafleet.policy.sarif import sarif
from ultrafleet.templates.file_reading import PassedOver, passed_over_text
from ultrafleet.templates.template import Template, mapping

_REPAIRED: Final = (Severity.ERROR, Severity.WARNING)


class FailOn(StrEnum):
    """Severity from which findings are an exit code of 1."""

    ERROR = "error"
    WARNING = "warning"
    UNKNOWN = "unknown"
    NEVER = "never"


_FAILS: Final = {
    FailOn.ERROR: {Severity.ERROR},
    FailOn.WARNING: {Severity.ERROR, Severity.WARNING},
    FailOn.UNKNOWN: {Severity.ERROR, Severity.WARNING, Severity.UNKNOWN},
    FailOn.NEVER: frozenset[Severity](),
}


def check(
    paths: Annotated[list[Path], typer.Argument(help="templates, or folders of them, such as cdk.out")],
    *,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a template parameter; repeatable")] = None,
    acknowledgements: Annotated[Path | None, typer.Option(help="YAML file of accepted findings")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="date at which acknowledgements are judged; default: today, UTC")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="JSON file of findings that are known: new ones alone count")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(help="write every finding to this file, for --baseline; exit code 0")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="repair what has one right answer, in the files")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="print what --fix would change; write nothing")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="with --fix: the same as --diff")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="print SARIF 2.1.0")] = False,
    annotations: Annotated[
        CodeHost | None,
        typer.Option(help="print annotations of lines: GitHub's workflow commands, or GitLab's code quality report"),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option(help="severity from which the exit code is 1; never: 0 or 2")
    ] = FailOn.ERROR,
) -> None:
    """Check CloudFormation templates against the policy for accelerated fleets.

    Exit code 0: no errors, 1: errors found (or what `--fail-on` says), 2: unusable input.
    """
    _refuse_together(baseline, write_baseline, as_json=as_json, as_sarif=as_sarif, annotations=annotations)
    _refuse_beside_fix(
        fix or diff or dry_run,
        as_json=as_json,
        as_sarif=as_sarif,
        annotations=annotations,
        write_baseline=write_baseline,
    )
    if dry_run and not fix:
        raise FleetError(
            path="--dry-run", verb="is", got="stated alone", expected="--fix --dry-run, or --diff", remedy="add --fix"
        )
    given = parameters_of(parameter or [])
    broken: list[FleetError] = []
    passed_over: list[PassedOver] = []
    of_others: list[str] = []
    templates = read_templates(
        paths,
        parameters=given,
        unreadable=broken.append,
        passed_over=passed_over.append,
        of_others=of_others.append,
    )
    refuse_unknown_parameters(given, templates)
    accepted = read_acknowledgements(acknowledgements) if acknowledgements else []
    day = (as_of or datetime.now(UTC)).date()
    found = [*_checked(templates, broken), *map(_unread, filter(lambda item: item.is_template, passed_over))]
    findings = acknowledge(found, accepted, as_of=day, source=str(acknowledgements or ""))
    if write_baseline is not None and not broken:
        _write(write_baseline, baseline_of(findings, templates, write_baseline))
        return
    held = held_to_baseline(findings, templates, read_baseline(baseline), baseline) if baseline else None
    shown = findings if held is None else held.new
    told = [_of_others(of_others)] if of_others else []
    left = passed_over_text(passed_over)
    if fix or diff:
        severities = _repaired(templates, shown, diff=diff or dry_run)
    else:
        left = _show(findings, templates, held, left, as_json=as_json, as_sarif=as_sarif, annotations=annotations)
        severities = {finding.severity for finding in shown}
    for line in (*told, left):
        if line:
            print(for_terminal(f"note: {line}"), file=sys.stderr)
    if broken:
        refuse(*broken)
    if severities & _FAILS[fail_on]:
        raise typer.Exit(1)


def _refuse_beside_fix(
    is_fix: bool,
    *,
    as_json: bool,
    as_sarif: bool,
    annotations: CodeHost | None,
    write_baseline: Path | None,
) -> None:
    if is_fix and (as_json or as_sarif or annotations or write_baseline):
        raise FleetError(
            path="--fix or --diff, and --json, --sarif, --annotations or --write-baseline",
            verb="are",
            got="both stated",
            expected="one of them",
            remedy="repair first, then check again",
        )


def _repaired(templates: Sequence[Template], shown: Sequence[Finding], *, diff: bool) -> set[Severity]:
    wanted = {(item.file, item.resource, item.rule) for item in shown if item.severity in _REPAIRED}
    return repair(templates, shown, lambda item: (item.file, item.resource, item.rule) in wanted, diff=diff)


def _show(
    findings: Sequence[Finding],
    templates: Sequence[Template],
    held: HeldToBaseline | None,
    left: str,
    *,
    as_json: bool,
    as_sarif: bool,
    annotations: CodeHost | None,
) -> str:
    """Findings printed; what is left to be said of files that weren't read."""
    shown = findings if held is None else held.new
    if as_sarif:
        print(json.dumps(visible_json(sarif(findings, RULES, known=held.known if held else None)), indent=2))
    elif as_json:
        print(json.dumps([visible_json(_as_json(finding)) for finding in shown], indent=2))
    elif annotations is CodeHost.GITLAB:
        print(json.dumps(code_quality(shown), indent=2))
    else:
        for line in workflow_commands(shown) if annotations else _lines(shown):
            print(line)
        _print_counts(shown, len(templates), held, left)
        return ""
    return left


def _refuse_together(
    baseline: Path | None,
    write_baseline: Path | None,
    *,
    as_json: bool,
    as_sarif: bool,
    annotations: CodeHost | None,
) -> None:
    if baseline and write_baseline:
        raise FleetError(
            path="--baseline and --write-baseline",
            verb="are",
            got="both stated",
            expected="one of them",
            remedy="take one out",
        )
    if sum((as_json, as_sarif, annotations is not None)) > 1:
        raise FleetError(
            path="--json, --sarif and --annotations",
            verb="are",
            got="stated together",
            expected="one of them",
            remedy="take the others out",
        )


def _checked(templates: Iterable[Template], broken: list[FleetError]) -> Iterator[Finding]:
    """Findings of templates; one that can't be judged is added to the broken ones and hides no other."""
    for template in templates:
        try:
            yield from check_templates([template])
        except FleetError as error:
            broken.append(error)


def _unread(item: PassedOver) -> Finding:
    message = f"undecided: what this template makes (it is among the files {item.why}, which aren't read)"
    return Finding(file=item.path, resource="", rule="unread", severity=Severity.UNKNOWN, message=message)


def _of_others(names: Sequence[str]) -> str:
    are = "template is" if len(names) == 1 else "templates are"
    return f"{len(names):,} {are} in folders of what others wrote, such as {names[0]}: name the folder that is meant"


def parameters_of(stated: Sequence[str]) -> dict[str, str]:
    """Values of parameters, from `NAME=VALUE`.

    Raises:
        FleetError: one isn't that.
    """
    for item in stated:
        if "=" not in item:
            raise FleetError(
                path="parameter",
                got=repr(item),
                expected="NAME=VALUE",
                remedy="write it so",
            )
    return dict(item.split("=", 1) for item in stated)


def refuse_unknown_parameters(given: Mapping[str, str], templates: Iterable[Template]) -> None:
    """Refuse a value for a parameter that no template has: a misspelt name would silently change nothing.

    Raises:
        FleetError: no template has it.
    """
    known = {str(name) for template in templates for name in mapping(template.content.get("Parameters"))}
    for name in given:
        if name not in known and not name.startswith("AWS::"):  # pseudo parameters are in every template
            raise FleetError(
                path=f"parameter {name}",
                got="in no template",
                expected=f"one of {', '.join(sorted(known)) or 'none'}",
                remedy="correct it",
            )


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "file": finding.file,
        "resource": finding.resource,
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
    }


def _write(path: Path, entries: Sequence[BaselineEntry]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([entry.model_dump() for entry in entries], indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise FleetError(
            path=path, got=error.strerror, expected="a file that can be written", remedy="pass another"
        ) from error
    print(f"{path}: {len(entries)} finding{'' if len(entries) == 1 else 's'}")


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each finding; undecided ones are mostly alike for many resources: one line for all of them."""
    together: dict[tuple[str, ...], list[Finding]] = {}
    for number, finding in enumerate(findings):
        alike = finding.severity is Severity.UNKNOWN
        key = (finding.file, finding.rule, finding.message) if alike else (str(number),)
        together.setdefault(key, []).append(finding)
    for first, *others in together.values():
        where = f"{first.file}:{first.line}: {first.resource or '(template)'}"
        more = f" and {len(others)} more" if others else ""
        yield for_terminal(f"{where}{more}: {first.severity}: {first.message} [{first.rule}]")


def _print_counts(findings: Sequence[Finding], templates: int, held: HeldToBaseline | None, left: str) -> None:
    counts = Counter(finding.severity for finding in findings)
    summary = ", ".join(
        f"{counts[severity]} {severity}"
        for severity in Severity
        if severity is not Severity.ACKNOWLEDGED or counts[severity]
    )
    known = f", {len(held.known)} in the baseline" if held else ""
    if held and held.gone:
        print(f"{len(held.gone)} of the baseline are no longer found: write it again with `--write-baseline`")
    read = f"{templates} template{'' if templates == 1 else 's'}: {summary}{known}"
    print(f"{read}; {left}" if left else read)
