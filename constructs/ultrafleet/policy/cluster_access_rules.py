"""Rules of nodes and their cluster: security groups that join them, and access entries."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.cluster import CLUSTERS
from ultrafleet.templates.launch import Launch, launches
from ultrafleet.templates.node_group import NODE_GROUP, NodeGroup, groups
from ultrafleet.templates.once import once_per_template
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown, text_of

_GROUP: Final = "AWS::EC2::SecurityGroup"
_ENTRY: Final = "AWS::EKS::AccessEntry"
_TAG: Final = "kubernetes.io/cluster/"
_CLUSTER_GROUP: Final = "ClusterSecurityGroupId"
_NODE_TYPES: Final = ("EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX")
_RESERVED_GROUPS: Final = ("system:", "eks:", "aws:", "amazon:", "iam:")


def _tagged(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        for named in _group_lists(launch):
            by_cluster: dict[str, list[str]] = defaultdict(list)
            for value in named:
                for cluster, name in _tags_of(template, value):
                    by_cluster[cluster].append(name)
            twice = next(((cluster, names) for cluster, names in by_cluster.items() if len(set(names)) > 1), None)
            if twice is not None:
                cluster, names = twice
                yield Problem(
                    launch.resource.logical_id,
                    f"{' and '.join(dict.fromkeys(names))} are tagged {_TAG}{cluster} on one interface, expected one "
                    "such group: the load balancer controller registers no target with two, take the tag from the "
                    "others",
                )
                break


def _group_lists(launch: Launch) -> Iterator[list[Any]]:
    """Groups of each interface, or those of the instance."""
    yield launch.items("SecurityGroupIds")
    for item in launch.interfaces:
        named = item.get("Groups") if isinstance(item, Mapping) else None
        yield named if isinstance(named, list) else [named]


def _tags_of(template: Template, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Clusters that the tags of a group name, with what it is called."""
    made = template.referred(value)
    if made is None:
        return
    if made.type in CLUSTERS:
        if isinstance(value, Unknown) and str(value.attribute).endswith(_CLUSTER_GROUP):
            name = text_of(made.get("Name"))
            yield name or f"${{{made.logical_id}}}", f"{made.logical_id}.{_CLUSTER_GROUP}"
        return
    for tag in made.items("Tags") if made.type == _GROUP else ():
        key = text_of(tag.get("Key")) if isinstance(tag, Mapping) else None
        if key is not None and key.startswith(_TAG):
            yield _cluster_name(template, key.removeprefix(_TAG)), made.logical_id


def _cluster_name(template: Template, text: str) -> str:
    """Name of a cluster, also where a tag refers to the cluster itself."""
    made = template.resources.get(text[2:-1]) if text.startswith("${") else None
    named = text_of(made.get("Name")) if made is not None and made.type in CLUSTERS else None
    return named or text


def _cluster_group(template: Template) -> Iterator[Problem]:
    told: set[str] = set()
    for group in groups(template, NODE_GROUP):
        launch = group.launch
        if launch is None or launch.resource.logical_id in told:
            continue
        first = _first_groups(launch)
        problem = _without_cluster_group(template, group, first) if first is not None else None
        if problem is None:
            problem = _primary_differs(launch)
        if problem is not None:
            told.add(launch.resource.logical_id)
            yield Problem(launch.resource.logical_id, problem)


def _first_groups(launch: Launch) -> list[Any] | None:
    """Groups of the first interface, by which nodes reach the cluster; None where none is stated."""
    for item in launch.interfaces:
        if isinstance(item, Mapping) and not item.get("NetworkCardIndex") and not item.get("DeviceIndex"):
            named = item.get("Groups")
            return named if isinstance(named, list) else None if named is None else [named]
    return launch.items("SecurityGroupIds") or None


def _without_cluster_group(template: Template, group: NodeGroup, first: list[Any]) -> str | None:
    cluster = _cluster_of(template, group)
    if cluster is None or cluster.template is not template:
        return None
    made = [template.referred(value) for value in first]
    if any(item is None or item.type != _GROUP for item in made):
        return None  # the cluster's own, or one that isn't at hand
    own = [item for item in made if item is not None]
    of_cluster = [template.referred(value) for value in cluster.items("ResourcesVpcConfig", "SecurityGroupIds")]
    if any(item in of_cluster for item in own) or any(_reaches_cluster(template, item) for item in own):
        return None
    names = ", ".join(item.logical_id for item in own)
    return (
        f"its first interface has {names} alone, expected {cluster.logical_id}'s group beside it: EKS adds that only "
        f"to templates without groups, and nodes don't reach the cluster, add !GetAtt {cluster.logical_id}."
        f"{_CLUSTER_GROUP}"
    )


def _cluster_of(template: Template, group: NodeGroup) -> Resource | None:
    """The cluster of a node group, by reference or by its name."""
    named = group.resource.get("ClusterName")
    made = template.referred(named)
    if made is not None:
        return made if made.type in CLUSTERS else None
    return _clusters_by_name(template).get(named) if isinstance(named, str) else None


@once_per_template
def _clusters_by_name(template: Template) -> Mapping[str, Resource]:
    named = ((cluster.get("Name"), cluster) for cluster in template.of_type(*CLUSTERS))
    return {name: cluster for name, cluster in named if isinstance(name, str)}


def _reaches_cluster(template: Template, group: Resource) -> bool:
    """True if a rule joins the group and the cluster's, or another group, which may be the cluster's."""
    return bool(_joined(template).get(group.logical_id, set()) - {group.logical_id})


@once_per_template
def _joined(template: Template) -> Mapping[str, set[str]]:
    """Resources that rules join with each group."""
    found: dict[str, set[str]] = defaultdict(set)
    for rule in template.of_type("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress"):
        ends = {
            made.logical_id
            for key in ("GroupId", "SourceSecurityGroupId", "DestinationSecurityGroupId")
            if (made := template.referred(rule.get(key))) is not None
        }
        for end in ends:
            found[end] |= ends
    return found


def _primary_differs(launch: Launch) -> str | None:
    """A first interface without a group that every other one has."""
    known = [item for item in launch.interfaces if isinstance(item, Mapping)]
    if len(known) < 2 or len(known) != len(launch.interfaces):  # noqa: PLR2004 - the first and another
        return None
    first, *others = sorted(known, key=_position)
    named = [_plain(item.get("Groups")) for item in others]
    own = _plain(first.get("Groups"))
    if own is None or None in named:
        return None
    common = frozenset.intersection(*(group for group in named if group is not None))
    if not own:
        return (
            "its first interface has no security group, expected those of the others: it gets the VPC's default group, "
            "by which nodes don't reach the cluster, state Groups"
        )
    lacking = {name for name in common - own if name.startswith("sg-") or name.endswith(_CLUSTER_GROUP)}
    if lacking:
        return (
            f"its first interface lacks {', '.join(sorted(lacking))}, which the others have, expected it there: nodes "
            "reach the cluster by the first interface, add it"
        )
    return None


def _position(item: Mapping[str, Any]) -> tuple[str, str]:
    return str(item.get("NetworkCardIndex") or 0), str(item.get("DeviceIndex") or 0)


def _plain(named: Any) -> frozenset[str] | None:  # noqa: ANN401 - JSON
    """Names of groups to compare; None where they aren't a list of known form."""
    if named is None:
        return frozenset()
    if not isinstance(named, list):
        return None
    found = set()
    for value in named:
        if isinstance(value, Unknown):
            if value.logical_id is None:
                return None
            found.add(f"{value.logical_id}.{value.attribute}" if value.attribute != "GroupId" else value.logical_id)
        else:
            found.add(str(value))
    return frozenset(found)


def _access(template: Template) -> Iterator[Problem]:
    managed = {
        (_identity(template, group.resource.get("ClusterName")), role): group.logical_id
        for group in groups(template, NODE_GROUP)
        if (role := _identity(template, group.resource.get("NodeRole"))) is not None
    }
    seen: dict[tuple[str | None, str | None], str] = {}
    for entry in template.of_type(_ENTRY):
        kind = entry.get("Type")
        key = (_identity(template, entry.get("ClusterName")), _identity(template, entry.get("PrincipalArn")))
        if key[1] is not None and key in managed:
            yield Problem(
                entry.logical_id,
                f"it is for the role of the managed node group {managed[key]}, expected none: EKS makes that entry "
                "itself, and refuses a second one, remove it",
            )
        elif None not in key and key in seen:
            yield Problem(
                entry.logical_id,
                f"{seen[key]} is for the same principal and cluster, expected one entry: EKS refuses the second, put "
                "both into one",
            )
        seen.setdefault(key, entry.logical_id)
        named = [text for text in map(text_of, entry.items("KubernetesGroups")) if text is not None]
        reserved = [name for name in named if name.startswith(_RESERVED_GROUPS)]
        if isinstance(kind, str) and kind in _NODE_TYPES and (named or entry.items("AccessPolicies")):
            what = "KubernetesGroups" if named else "AccessPolicies"
            yield Problem(
                entry.logical_id,
                f"{what} is stated on Type {kind}, expected none: EKS sets the rights of nodes itself, remove it or "
                "take Type STANDARD",
            )
        elif reserved:
            yield Problem(
                entry.logical_id,
                f"KubernetesGroups has {', '.join(reserved)}, expected a group of your own: EKS refuses "
                f"{', '.join(_RESERVED_GROUPS)}, bind another group or associate an access policy",
            )


def _identity(template: Template, value: Any) -> str | None:  # noqa: ANN401 - JSON
    """One name for a resource or a literal, to compare by; None where it isn't known."""
    made = template.referred(value)
    if made is not None:
        named = text_of(made.get("Name")) if made.type in CLUSTERS else None
        return named if named and "${" not in named else f"${{{made.logical_id}}}"
    text = text_of(value) if value is not None else None
    return text if text and "${" not in text else None


RULES: Final = (
    PolicyRule(
        id="tagged-groups",
        number=65,
        severity=Severity.WARNING,
        protects_from="a load balancer that gets no targets",
        source=Source(
            "AWS Load Balancer Controller: expected exactly one security group tagged with the cluster's name; "
            "eksctl-io/eksctl #8475",
            Confidence.MEDIUM,
            "https://github.com/eksctl-io/eksctl/issues/8475",
        ),
        remedy="the tag kubernetes.io/cluster/NAME on one group of an interface",
        check=_tagged,
    ),
    PolicyRule(
        id="cluster-security-group",
        number=66,
        severity=Severity.WARNING,
        protects_from="nodes that never join, because they don't reach the cluster's endpoint",
        source=Source(
            "EKS user guide, launch templates: with groups of one's own EKS doesn't add the cluster's",
            address="https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html",
            also=(Source("terraform-aws-eks #2447, #1662", Confidence.MEDIUM),),
        ),
        remedy="the cluster's security group on the first interface, too",
        check=_cluster_group,
    ),
    PolicyRule(
        id="access-entry",
        number=67,
        severity=Severity.ERROR,
        protects_from="a deployment that EKS refuses",
        source=Source(
            "EKS user guide, access entries: made for managed node groups by EKS; names of groups; types of nodes",
            address="https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html",
            also=(Source("terraform-aws-eks #2968", Confidence.MEDIUM),),
        ),
        remedy="one entry for each principal, none for the roles of managed node groups",
        check=_access,
    ),
)
