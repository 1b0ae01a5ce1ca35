"""Who may do or reach more: IAM, security groups, access to clusters."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.review import iam, security_groups
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.hazard import Hazard, Level
from ultrafleet.templates.template import Resource, Template

_ENTRY: Final = "AWS::EKS::AccessEntry"
_ABOUT: Final = {
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::SNS::TopicPolicy": ("Topics",),
    "AWS::SQS::QueuePolicy": ("Queues",),
}
"""Policies that stand beside what they are about."""


def access_hazards(compared: Comparison) -> Iterator[Hazard]:
    """What is widened, stack by stack."""
    for stack, later in compared.head.stacks.items():
        template = compared.base.stacks.get(stack)
        if template is not None:
            yield from _of_stack(stack, template, later)


def _of_stack(stack: str, template: Template, later: Template) -> Iterator[Hazard]:
    before, after = iam.grants(template), iam.grants(later)
    # A role that is elsewhere had other rights already; one that is new here is read as a whole.
    known = {holder for holder in after.keys() - before.keys() if not _is_new(_name(holder), template, later)}
    elsewhere: iam.Grants = {holder: ([], set()) for holder in known}
    for holder, what in iam.widened({**elsewhere, **before}, after):
        yield _hazard("iam-widened", stack, holder, f"IAM is widened: {what}")
    was, is_now = security_groups.passages(template), security_groups.passages(later)
    for group, passage in security_groups.widened(was, is_now):
        yield _hazard("security-group-widened", stack, group, f"the security group is widened: {passage}")
    for group, passage in security_groups.opened(was, is_now):
        yield _hazard("security-group-widened", stack, group, f"a new security group lets everybody in: {passage}")
    for entry in later.of_type(_ENTRY):
        old = template.resources.get(entry.logical_id)
        added = _rights(entry) - _rights(old) if old is not None else set()
        for policy, scope in sorted(added):
            message = f"access to the cluster is widened: {policy.rpartition('/')[2]} on {scope}"
            yield _hazard("iam-widened", stack, entry.logical_id, message)


def _rights(entry: Resource) -> set[tuple[str, str]]:
    """Policies of an access entry, with the namespace or the whole cluster that each is for."""
    found = set()
    for item in entry.items("AccessPolicies"):
        if isinstance(item, Mapping):
            scope = item.get("AccessScope")
            names = _list(scope.get("Namespaces")) if isinstance(scope, Mapping) else []
            found |= {(iam.text(item.get("PolicyArn")), name) for name in map(iam.text, names or ["the whole cluster"])}
    return found | {("a group of Kubernetes", iam.text(name)) for name in entry.items("KubernetesGroups")}


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else []


def _is_new(name: str, template: Template, later: Template) -> bool:
    """Whether a holder, or what its policy is about, is made by this change, so that it had nothing to lose."""
    resource = later.resources.get(name)
    if resource is None:
        return False
    if resource.type not in _ABOUT:
        return True
    targets = [later.referred(value) for key in _ABOUT[resource.type] for value in resource.items(key)]
    return any(target is not None and target.logical_id not in template.resources for target in targets)


def _name(holder: str) -> str:
    return holder.split(" ", maxsplit=1)[0]


def _hazard(kind: str, stack: str, holder: str, message: str) -> Hazard:
    return Hazard(
        level=Level.OPENS, kind=kind, subject=f"{stack}/{holder}", message=message, keys=((stack, _name(holder)),)
    )
