"""`ultrafleet check --fix` and `--diff`: findings repaired in the files that have them, and what is left."""

import difflib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ultrafleet.fix import FIXES, FileFixed, fixed_files
from ultrafleet.plain_text import for_terminal
from ultrafleet.policy import RULES, Finding, Severity
from ultrafleet.templates.template import Template

_REMEDIES: Final = {rule.id: rule.remedy for rule in RULES}
_NO_NEWLINE: Final = "\\ No newline at end of file\n"


def fix(
    templates: Sequence[Template], findings: Sequence[Finding], wanted: Callable[[Finding], bool], *, diff: bool
) -> set[Severity]:
    """Severities of what is left after findings are repaired, or after their differences are printed.

    Args:
        templates: templates, by the paths of their files.
        findings: what is found in them, of any severity.
        wanted: which findings are to be repaired.
        diff: whether the differences are printed and nothing is written.
    """
    files = list(fixed_files(templates, findings, wanted, write=not diff))
    for file in files:
        if diff:
            sys.stdout.write("".join(map(_shown, _difference(file))))
        else:
            _tell(file)
    repaired = [item for file in files for item in file.result.repaired]
    left = [item for file in files for item, _ in file.result.left]
    out = sys.stderr if diff else sys.stdout
    for rule in dict.fromkeys(item.rule for item in repaired):
        if FIXES[rule].after:
            print(f"note: {rule}: {FIXES[rule].after}", file=out)
    counts = Counter(item.severity for item in left)
    again = {str(file.path): file.result.undecided for file in files if file.result.undecided is not None}
    undecided = sum(item.severity is Severity.UNKNOWN and item.file not in again for item in findings)
    undecided += sum(again.values())
    changed = sum(file.is_changed for file in files)
    print(
        f"{len(repaired)} repaired in {changed} file{'' if changed == 1 else 's'}{', not written' if diff else ''}; "
        f"left: {counts[Severity.ERROR]} error, {counts[Severity.WARNING]} warning, {undecided} unknown",
        file=out,
    )
    return {severity for severity, count in {**counts, Severity.UNKNOWN: undecided}.items() if count}


def _tell(file: FileFixed) -> None:
    if file.why_not:
        print(for_terminal(f"{file.path}: not touched: {file.why_not}"))
    for item in file.result.repaired:
        print(for_terminal(f"{file.path}: {item.resource}: repaired: {FIXES[item.rule].does} [{item.rule}]"))
    for item, why in file.result.left:
        where = f"{item.file}:{item.line}: {item.resource or '(template)'}"
        print(for_terminal(f"{where}: {item.severity}: {item.message} [{item.rule}]"))
        print(for_terminal(f"    not repaired: {why}; remedy: {_REMEDIES.get(item.rule, 'see its message')}"))


def _difference(file: FileFixed) -> Iterator[str]:
    name = str(file.path).lstrip("/")
    old, new = (_lines(text) for text in (file.before, file.result.text))
    for line in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"):
        yield line if line.endswith("\n") else f"{line}\n"
        if not line.endswith("\n"):
            yield _NO_NEWLINE


def _lines(text: str) -> list[str]:
    """Lines as `patch` counts them: by line feeds alone."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _shown(line: str) -> str:
    """A line of a difference: tabs and ends of lines as they are, for `patch`."""
    body = line.removesuffix("\n").removesuffix("\r")
    return "\t".join(map(for_terminal, body.split("\t"))) + line[len(body) :]
