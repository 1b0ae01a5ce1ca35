"""Limits of CloudFormation and EKS."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ultrafleet.catalog import limits
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import NODE_GROUP, groups
from ultrafleet.templates.template import Template, mapping

MAX_RESOURCES: Final = limits.STACK_RESOURCES.value
MAX_BYTES: Final = limits.TEMPLATE_BYTES.value
MAX_NODE_GROUPS: Final = limits.NODE_GROUPS_PER_CLUSTER.value
MOST_NODE_GROUPS: Final = limits.NODE_GROUPS_PER_CLUSTER_MAXIMUM.value
MAX_NODES: Final = limits.NODES_PER_NODE_GROUP.value
_GROUP_RULES: Final = limits.SECURITY_GROUP_RULES.value


def _stack(template: Template) -> Iterator[Problem]:
    count = template.resource_count
    if count > MAX_RESOURCES:
        yield Problem("", f"there are {count} resources, expected at most {MAX_RESOURCES}: split the stack")
    if template.size_bytes > MAX_BYTES:
        yield Problem(
            "", f"the template has {template.size_bytes:,} bytes, expected at most {MAX_BYTES:,}: split the stack"
        )

    for section, most in (("Outputs", limits.STACK_OUTPUTS), ("Parameters", limits.STACK_PARAMETERS)):
        stated = len(mapping(template.content.get(section)))
        if stated > most.value:
            yield Problem("", f"there are {stated} {section}, expected at most {most.value}: split the stack")


def _node_groups(template: Template) -> Iterator[Problem]:
    clusters = Counter(repr(group.get("ClusterName")) for group in template.of_type(NODE_GROUP))
    for count in clusters.values():
        if count > MOST_NODE_GROUPS:
            yield Problem(
                "",
                f"a cluster has {count} node groups, expected at most {MOST_NODE_GROUPS} whatever the quota "
                f"({limits.NODE_GROUPS_PER_CLUSTER_MAXIMUM.source}): make a second cluster, or take out those whose "
                "blocks are over",
                Severity.ERROR,
            )
        elif count > MAX_NODE_GROUPS:
            yield Problem(
                "",
                f"a cluster has {count} node groups, expected at most {MAX_NODE_GROUPS} by default: raise the quota",
                Severity.WARNING,
            )


def _nodes(template: Template) -> Iterator[Problem]:
    for group in groups(template, NODE_GROUP):
        size = as_int(group.max_size)
        if size is not None and size > MAX_NODES:
            yield Problem(
                group.logical_id,
                f"MaxSize is {size}, expected at most {MAX_NODES} by default: raise the quota, or use several groups",
            )


def _security_group_rules(template: Template) -> Iterator[Problem]:
    for group in template.of_type("AWS::EC2::SecurityGroup"):
        for way in ("SecurityGroupIngress", "SecurityGroupEgress"):
            count = len(group.items(way))
            if count > _GROUP_RULES:
                yield Problem(
                    group.logical_id,
                    f"{way} has {count} rules, expected at most {_GROUP_RULES} by default: use a prefix list",
                )


RULES = (
    PolicyRule(
        id="stack-limits",
        number=43,
        severity=Severity.ERROR,
        protects_from="a stack that CloudFormation refuses",
        source=limits.source("limit/cloudformation/resources-per-stack"),
        remedy="split the stack",
        check=_stack,
    ),
    PolicyRule(
        id="node-group-quota",
        number=44,
        severity=Severity.ERROR,
        protects_from=f"a deployment that stops after {MAX_NODE_GROUPS} node groups",
        source=replace(
            limits.source("limit/eks/node-groups-per-cluster"),
            also=(limits.source("limit/eks/node-groups-per-cluster-maximum"),),
        ),
        remedy="ask for a higher quota, or use several clusters",
        check=_node_groups,
    ),
    PolicyRule(
        id="node-quota",
        number=45,
        severity=Severity.WARNING,
        protects_from="a node group that doesn't grow to its size",
        source=limits.source("limit/eks/nodes-per-node-group"),
        remedy="ask for a higher quota, or make several groups",
        check=_nodes,
    ),
    PolicyRule(
        id="security-group-rules",
        number=46,
        severity=Severity.WARNING,
        protects_from="a security group that EC2 refuses",
        source=limits.source("limit/vpc/rules-per-security-group"),
        remedy="a prefix list, or a higher quota",
        check=_security_group_rules,
    ),
)
