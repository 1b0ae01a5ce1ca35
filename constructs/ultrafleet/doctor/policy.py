"""IAM policy of the calls that AWS is asked with: reading and creating apart, each action with the fewest resources."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from ultrafleet.doctor.probe import Permission, Probe
from ultrafleet.environment import Environment

_PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "eusc-": "aws-eusc"}
"""Partitions by the beginning of their regions' names, other than `aws` (IAM user guide, ARNs, high)."""


def policy_document(
    environment: Environment, *, probes: Iterable[Probe], others: Iterable[Permission] = ()
) -> dict[str, Any]:
    """Identity policy that allows the calls of probes, and no others.

    Args:
        environment: whose account, region and cluster the policy is for.
        probes: probes that are to be asked; one without a question about the environment needs nothing. Statements of
            those that create something have ids that begin so.
        others: what other commands need of the same credentials; they read.
    """
    known = [probe for probe in probes if any(True for _ in probe.questions(environment))]
    reading = [*others, *(item for probe in known if not probe.creates for item in probe.permissions)]
    creating = [item for probe in known if probe.creates for item in probe.permissions]
    return {
        "Version": "2012-10-17",
        "Statement": [
            *_statements("Read", reading, environment),
            *_statements("Create", [item for item in creating if item not in reading], environment),
        ],
    }


def _statements(name: str, permissions: Iterable[Permission], environment: Environment) -> list[dict[str, Any]]:
    resources: defaultdict[str, set[str]] = defaultdict(set)
    conditions: dict[str, tuple[tuple[str, str, str], ...]] = {}
    for permission in permissions:
        resources[permission.action] |= {_filled(item, environment) for item in permission.resources}
        conditions[permission.action] = permission.conditions
    actions: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for action, found in resources.items():
        actions[(tuple(sorted(found)), conditions[action])].append(action)
    return [
        {
            "Sid": f"{name}{index}",
            "Effect": "Allow",
            "Action": sorted(names),
            "Resource": list(arns),
            **({"Condition": {operator: {key: value} for operator, key, value in condition}} if condition else {}),
        }
        for index, ((arns, condition), names) in enumerate(sorted(actions.items(), key=lambda item: item[1]), 1)
    ]


def _filled(resource: str, environment: Environment) -> str:
    where = {"partition": partition(environment.region), "account": environment.account, "region": environment.region}
    return resource.format(
        **where,
        name=environment.name,
        cluster=environment.cluster_name,
        node_role=environment.cluster.node_role_arn
        or "arn:{partition}:iam::{account}:role/{name}-*".format(**where, name=environment.name),
    )


def partition(region: str) -> str:
    """Partition of a region's ARNs, such as `aws`.

    Args:
        region: name of the region.
    """
    return next((found for start, found in _PARTITIONS.items() if region.startswith(start)), "aws")
