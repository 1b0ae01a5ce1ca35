"""Dependencies of pools on resources, over all stacks of a revision."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ultrafleet.review.fleet import Fleet, Key
from ultrafleet.templates.references import function_references
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.template import Template

_CLUSTER: Final = "AWS::EKS::Cluster"
_SECURITY_GROUP_RULES: Final = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
_POLICY: Final = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")


class Dependents:
    """Pools that depend on resources.

    Args:
        revision: the templates.
        fleet: their pools.
    """

    def __init__(self, revision: Revision, fleet: Fleet) -> None:
        self._users: dict[Key, set[Key]] = defaultdict(set)
        self._pools = {pool.key for pool in fleet.pools}
        stacks = {id(template): stack for stack, template in revision.stacks.items()}
        clusters = {
            name: (stack, cluster.logical_id)
            for stack, template in revision.stacks.items()
            for cluster in template.of_type(_CLUSTER)
            if isinstance(name := cluster.get("Name"), str)
        }
        for stack, template in revision.stacks.items():
            for logical_id, resource in template.resources.items():
                user = (stack, logical_id)
                for used in _used(template, resource.raw.get("Properties"), stack, stacks):
                    # A rule or a policy of its own is a part of what it names, whatever CloudFormation's order is.
                    if resource.type in (*_SECURITY_GROUP_RULES, *_POLICY):
                        self._users[user].add(used)
                    self._users[used].add(user)
                named = resource.get("ClusterName")
                if isinstance(named, str) and named in clusters:
                    self._users[clusters[named]].add(user)

    def pools_on(self, keys: Iterable[Key]) -> frozenset[Key]:
        """Groups that depend on any of some resources, or are one of them."""
        seen: set[Key] = set()
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key not in seen:
                seen.add(key)
                waiting += self._users.get(key, ())
        return frozenset(seen & self._pools)


def _used(template: Template, value: Any, stack: str, stacks: dict[int, str]) -> Iterator[Key]:  # noqa: ANN401 - JSON
    """Resources that a value refers to."""
    if isinstance(value, list):
        for item in value:
            yield from _used(template, item, stack, stacks)
        return
    if not isinstance(value, dict):
        return
    for function, argument in value.items():
        if function == "Fn::ImportValue":
            resource = template.referred(template.resolve(value))
            if resource is not None and id(resource.template) in stacks:
                yield (stacks[id(resource.template)], resource.logical_id)
        yield from ((stack, name) for name in _names(function, argument) if name in template.resources)
        yield from _used(template, argument, stack, stacks)


def _names(function: str, argument: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [named.name for named in function_references(function, argument)]
