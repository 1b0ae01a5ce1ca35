"""A template's text in which findings are repaired; a fix counts only if nothing else has changed."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.fix.edits import Edit, edited_content, edited_text
from ultrafleet.fix.fix_of_rule import Faulty
from ultrafleet.fix.registry import FIXES
from ultrafleet.fix.tree import CannotEditError
from ultrafleet.policy.rule import Finding, Severity
from ultrafleet.templates.template import Template

_ROUNDS: Final = 4
"""Ours: a fix may bring a rule into force that has one, too."""
_MOST_TRIES: Final = 100
"""Ours: runs of the rules over one template, at most."""
_MOST_WORK: Final = 200_000_000
"""Ours: characters times edits, since an edit may read the text again."""
_MOST_CHARACTERS: Final = 2_000_000
"""Ours: twice what CloudFormation takes."""

Key = tuple[str, str]
"""Rule and resource."""


@dataclass(kw_only=True)
class Repaired:
    """A template after its repair.

    Attributes:
        text: its text.
        repaired: findings that are gone.
        left: findings that are left, with the reason.
        undecided: findings that only a deployment decides, afterwards; None if the text wasn't judged again.
    """

    text: str
    repaired: list[Finding] = field(default_factory=list)
    left: list[tuple[Finding, str]] = field(default_factory=list)
    undecided: int | None = None


Judge = Callable[[str], tuple[Template, Sequence[Finding]]]
"""A template of a text, and its findings."""


def repaired_text(text: str, judge: Judge, wanted: Callable[[Finding], bool] = lambda _: True) -> Repaired:
    """A template's text, repaired as far as it has one right answer.

    Args:
        text: the text.
        judge: makes a template of a text and its findings.
        wanted: which findings are to be repaired. Default: every one.

    Raises:
        FleetError: the text is no template, or can't be judged.
    """
    return _Repairer(judge, wanted).repaired(text)


class _Repairer:
    """Repairer of one template."""

    def __init__(self, judge: Judge, wanted: Callable[[Finding], bool]) -> None:
        self._judge = judge
        self._wanted = wanted
        self._tries = 0
        self._why: dict[Key, str] = {}

    def repaired(self, text: str) -> Repaired:
        template, first = self._judge(text)
        findings = first
        if len(text) > _MOST_CHARACTERS:
            return Repaired(text=text, left=[(item, "the file is too large") for item in first if self._counts(item)])
        for _ in range(_ROUNDS):
            made = self._round(text, template, findings)
            if made == text:
                break
            text = made
            template, findings = self._judge(text)
        left = Counter(map(_key, filter(self._counts, findings)))
        result = Repaired(text=text, undecided=sum(item.severity is Severity.UNKNOWN for item in findings))
        for item in filter(self._counts, reversed(first)):
            key = _key(item)
            if left[key]:
                left[key] -= 1
                result.left.insert(0, (item, self._why.get((item.rule, item.resource), _NO_FIX)))
            else:
                result.repaired.insert(0, item)
        return result

    def _counts(self, item: Finding) -> bool:
        return item.severity in (Severity.ERROR, Severity.WARNING) and self._wanted(item)

    def _round(self, text: str, template: Template, findings: Sequence[Finding]) -> str:
        groups: dict[Key, list[Finding]] = {}
        for item in filter(self._counts, findings):
            if item.rule in FIXES:
                groups.setdefault((item.rule, item.resource), []).append(item)
        edits = {key: made for key, group in groups.items() if (made := self._edits(template, key, group))}
        if not edits:
            return text
        together = self._tried(text, template, findings, edits)
        if together is not None:
            return together
        for key in edits:
            if key not in groups:
                continue
            # Each by itself, on what the ones before it have made.
            again = self._edits(template, key, [item for item in findings if (item.rule, item.resource) == key])
            alone = self._tried(text, template, findings, {key: again}) if again else None
            if alone is not None:
                text = alone
                template, findings = self._judge(text)
        return text

    def _edits(self, template: Template, key: Key, findings: Sequence[Finding]) -> list[Edit]:
        rule, logical_id = key
        resource = template.resources.get(logical_id)
        if resource is None or logical_id not in template.content["Resources"] or not findings:
            self._why.setdefault(key, "it is in no resource that the file writes")
            return []
        try:
            made = list(FIXES[rule].edits(Faulty(template, resource, findings)))
        except CannotEditError as error:
            self._why[key] = f"there is {error.got}"
            return []
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, FleetError):
            self._why[key] = "it is written in another way than fixes read"
            return []
        if not made:
            self._why.setdefault(key, _NO_FIX)
        return made

    def _tried(
        self, text: str, template: Template, findings: Sequence[Finding], edits: Mapping[Key, Sequence[Edit]]
    ) -> str | None:
        """The text with some edits, if it has their content, the findings are gone and no other has come."""
        made, why = self._made(text, template, findings, edits)
        if why and len(edits) == 1:
            self._why[next(iter(edits))] = why
        return None if why else made

    def _made(
        self, text: str, template: Template, findings: Sequence[Finding], edits: Mapping[Key, Sequence[Edit]]
    ) -> tuple[str, str]:
        """The text with some edits, and why it can't be taken; "" if it can."""
        every = [edit for of_key in edits.values() for edit in of_key]
        if self._tries >= _MOST_TRIES:
            return text, "there are too many findings in the file for one run: run it again"
        if len(every) * len(text) > _MOST_WORK:
            return text, "there are too many edits for a file of this size"
        self._tries += 1
        try:
            expected = edited_content(template.content, every)
            made = edited_text(text, every)
            after, found = self._judge(made)
        except CannotEditError as error:
            return text, f"there is {error.got}"
        except (FleetError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
            return text, "the edited file could not be read"
        if after.content != expected:
            return text, "the edit would change more"
        return made, _not_better(findings, found, edits)


def _not_better(findings: Sequence[Finding], found: Sequence[Finding], keys: Iterable[Key]) -> str:
    """Why findings aren't better than they were; "" if those of some keys are gone and no other has come."""
    before, now = Counter(map(_key, findings)), Counter(map(_key, found))
    allowed = {(rule, resource, Severity.UNKNOWN) for rule, resource in keys}
    come = sorted({key[0] for key in now - before if key not in allowed})
    if come:
        return f"it would bring a finding of {', '.join(come)}"
    for rule, resource in keys:
        counted = [(rule, resource, severity) for severity in (Severity.ERROR, Severity.WARNING)]
        if sum(now[key] for key in counted) >= sum(before[key] for key in counted):
            return "the edit alone doesn't end it"
    return ""


_NO_FIX: Final = "it needs a choice"


def _key(item: Finding) -> tuple[str, str, Severity]:
    return item.rule, item.resource, item.severity
