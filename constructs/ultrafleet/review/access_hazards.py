"""Hazards of access: IAM, security groups and access entries of clusters that allow more than before."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.review import iam, security_groups
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.exposure import permissions_boundaries
from ultrafleet.review.hazard import HazardRule, Level, Occurrence
from ultrafleet.templates.template import Resource, Template

_ENTRY: Final = "AWS::EKS::AccessEntry"
_ABOUT: Final = {
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::SNS::TopicPolicy": ("Topics",),
    "AWS::SQS::QueuePolicy": ("Queues",),
}
"""Resource policies that are resources of their own, with the property that names what they are about."""


def _stacks(compared: Comparison) -> Iterator[tuple[str, Template, Template]]:
    """Stacks of both sides, before and after."""
    for stack, after in compared.head.stacks.items():
        before = compared.base.stacks.get(stack)
        if before is not None:
            yield stack, before, after


def _iam(compared: Comparison) -> Iterator[Occurrence]:
    for stack, template, later in _stacks(compared):
        before, after = iam.grants(template), iam.grants(later)
        # A role that is elsewhere had other permissions already; one that is new here is read as a whole.
        known = {holder for holder in after.keys() - before.keys() if not _is_new(_name(holder), template, later)}
        elsewhere: iam.Grants = {holder: ([], set()) for holder in known}
        for holder, what in iam.widened({**elsewhere, **before}, after):
            yield _occurrence(stack, holder, f"IAM permissions are wider: {what}")


def _access_entries(compared: Comparison) -> Iterator[Occurrence]:
    for stack, template, later in _stacks(compared):
        for entry in later.of_type(_ENTRY):
            old = template.resources.get(entry.logical_id)
            added = _rights(entry) - _rights(old) if old is not None else set()
            for policy, scope in sorted(added):
                message = f"access to the cluster is wider: {policy.rpartition('/')[2]} on {scope}"
                yield _occurrence(stack, entry.logical_id, message)


def _security_groups(compared: Comparison) -> Iterator[Occurrence]:
    for stack, template, later in _stacks(compared):
        was, is_now = security_groups.passages(template), security_groups.passages(later)
        for group, rules in _by_group(security_groups.widened(was, is_now)).items():
            yield _occurrence(stack, group, f"the security group allows more: {'; '.join(rules)}")
        for group, rules in _by_group(security_groups.opened(was, is_now)).items():
            yield _occurrence(stack, group, f"a new security group allows access from anywhere: {'; '.join(rules)}")


def _by_group(found: Iterator[tuple[str, security_groups.SecurityGroupRule]]) -> dict[str, list[str]]:
    """Rules by their group, in their order."""
    rules: dict[str, list[str]] = defaultdict(list)
    for group, rule in found:
        rules[group].append(str(rule))
    return rules


def _rights(entry: Resource) -> set[tuple[str, str]]:
    """Policies of an access entry, with the namespace or the whole cluster that each is for."""
    found = set()
    for item in entry.items("AccessPolicies"):
        if isinstance(item, Mapping):
            scope = item.get("AccessScope")
            names = _list(scope.get("Namespaces")) if isinstance(scope, Mapping) else []
            found |= {(iam.text(item.get("PolicyArn")), name) for name in map(iam.text, names or ["the whole cluster"])}
    return found | {("a Kubernetes group", iam.text(name)) for name in entry.items("KubernetesGroups")}


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else []


def _is_new(name: str, template: Template, later: Template) -> bool:
    """True if this change creates a holder, or the resource of its policy, so that it had nothing to lose."""
    resource = later.resources.get(name)
    if resource is None:
        return False
    if resource.type not in _ABOUT:
        return True
    targets = [later.referred(value) for key in _ABOUT[resource.type] for value in resource.items(key)]
    return any(target is not None and target.logical_id not in template.resources for target in targets)


def _name(holder: str) -> str:
    return holder.split(" ", maxsplit=1)[0]


def _occurrence(stack: str, holder: str, message: str) -> Occurrence:
    return Occurrence(subject=f"{stack}/{holder}", message=message, keys=((stack, _name(holder)),))


RULES: Final = (
    HazardRule(
        id="iam-widened",
        level=Level.SECURITY,
        protects_from="principals that are allowed more than before",
        source=Source("IAM user guide, policy evaluation logic; compared statement by statement", Confidence.MEDIUM),
        remedy="allow only the actions and resources that are needed",
        check=lambda compared: chain(_iam(compared), _access_entries(compared), permissions_boundaries(compared)),
    ),
    HazardRule(
        id="security-group-widened",
        level=Level.SECURITY,
        protects_from="networks or groups that reach more ports than before",
        source=Source("EC2 user guide, security groups"),
        remedy="allow only the peers and ports that are needed",
        check=_security_groups,
    ),
)
