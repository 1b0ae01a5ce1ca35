"""Limits of CloudFormation and EKS."""

from collections import Counter
from collections.abc import Iterator

from ultrafleet.policy.launch import NODE_GROUP
from ultrafleet.policy.rule import Problem, Rule, Severity
from ultrafleet.policy.template import Template

_RESOURCES, _BYTES, _NODE_GROUPS = 500, 1_000_000, 30


def _stack(template: Template) -> Iterator[Problem]:
    count = len(template.content["Resources"])
    if count > _RESOURCES:
        yield Problem("", f"there are {count} resources, expected at most {_RESOURCES}: split the stack")
    if template.size_bytes > _BYTES:
        yield Problem(
            "", f"the template has {template.size_bytes:,} bytes, expected at most {_BYTES:,}: split the stack"
        )


def _node_groups(template: Template) -> Iterator[Problem]:
    clusters = Counter(repr(group.get("ClusterName")) for group in template.of_type(NODE_GROUP))
    for count in clusters.values():
        if count > _NODE_GROUPS:
            yield Problem(
                "",
                f"a cluster has {count} node groups, expected at most {_NODE_GROUPS} by default: raise the quota",
            )


RULES = (
    Rule(
        id="stack-limits",
        severity=Severity.ERROR,
        protects_from="a stack that CloudFormation refuses",
        source="CloudFormation user guide, quotas (high)",
        remedy="split the stack",
        check=_stack,
    ),
    Rule(
        id="node-group-quota",
        severity=Severity.WARNING,
        protects_from="a deployment that stops at the thirty-first node group",
        source="EKS service quotas, adjustable (high)",
        remedy="ask for a higher quota, or use several clusters",
        check=_node_groups,
    ),
)
