"""Policy findings of a change: new, resolved and acknowledged ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ultrafleet.policy import Acknowledgement, Finding, Severity, acknowledge, check_templates
from ultrafleet.templates.revision import Revision


@dataclass(frozen=True, kw_only=True)
class PolicyChange:
    """Findings of the policy, before and after.

    Attributes:
        new: findings of the head that the base hasn't: errors first.
        resolved: findings of the base that the head hasn't.
        acknowledged: findings of the head that are accepted, with reason, owner and last day.
        kept: findings that both have, by severity.
    """

    new: tuple[Finding, ...]
    resolved: tuple[Finding, ...]
    acknowledged: tuple[Finding, ...]
    kept: Counter[Severity]


def policy_change(
    base: Revision, head: Revision, *, acknowledgements: Sequence[Acknowledgement], source: str, day: date
) -> PolicyChange:
    """Hold both revisions to the rules."""
    before = dict(zip(_identities(found := check_templates(base.stacks.values()), base), found, strict=True))
    raw = check_templates(head.stacks.values())
    accepted = acknowledge(raw, acknowledgements, as_of=day, source=source)
    # The same findings in the same order, some with a note; what comes behind them is about acknowledgements.
    keys = [*_identities(raw, head), *_identities(accepted[len(raw) :], head)]
    after = dict(zip(keys, accepted, strict=True))
    order = list(Severity)
    open_ = {key: item for key, item in after.items() if item.severity is not Severity.ACKNOWLEDGED}
    new = [item for key, item in open_.items() if key not in before]
    return PolicyChange(
        new=tuple(sorted(new, key=lambda item: order.index(item.severity))),
        resolved=tuple(item for key, item in before.items() if key not in after),
        acknowledged=tuple(item for item in after.values() if item.severity is Severity.ACKNOWLEDGED),
        kept=Counter(item.severity for key, item in open_.items() if key in before),
    )


_Identity = tuple[str, str, str, str]


def _identities(findings: Sequence[Finding], revision: Revision) -> list[_Identity]:
    """Identity of a finding on both sides: the stack and not the file, which may have another name."""
    stacks = {template.name: stack for stack, template in revision.stacks.items()}
    return [(stacks.get(item.file, item.file), item.resource, item.rule, item.message) for item in findings]
