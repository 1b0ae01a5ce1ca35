"""Fixes of networks, storage, clusters and roles."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog import eks
from ultrafleet.fix.edits import Append, Edit, Path, Put, Remove, removed_if_empty
from ultrafleet.fix.fix_of_rule import Faulty, Fix
from ultrafleet.fix.launch_fixes import data_path
from ultrafleet.fix.places import is_function, members, parameter_at, properties, references_to, stated, written
from ultrafleet.fix.tree import CannotEditError
from ultrafleet.policy.port_rules import CONTROL_PORTS
from ultrafleet.templates.launch import Launch, as_int, as_list, is_true
from ultrafleet.templates.networks import is_everybody
from ultrafleet.templates.template import Resource

_INGRESS: Final = "AWS::EC2::SecurityGroupIngress"
_SERVED: Final = frozenset({8000})
"""Ports of what is meant to be reached by others, who need another way in first."""
_DATA_HOLDERS: Final = ("AWS::EFS::FileSystem", "AWS::EC2::Volume")
_SOURCES: Final = ("CidrIp", "CidrIpv6")
_LUSTRE: Final = (988, 1018, 1023)


def _closed(faulty: Faulty) -> Iterator[Edit]:
    """Rules for control ports taken out: Session Manager needs none. A parameter's default alone is taken out."""
    if faulty.resource.type == _INGRESS:
        places = [properties(logical_id) for logical_id in _of_the_same_group(faulty)]
    else:
        places = list(members(faulty.template, properties(faulty.logical_id, "SecurityGroupIngress")))
    removed: list[Path] = []
    defaults: dict[str, None] = {}
    for path in places:
        by_default, is_removed = _of_rule(faulty, path)
        defaults.update(dict.fromkeys(by_default))
        removed += [path] * is_removed
    yield from (Remove(("Parameters", name, "Default")) for name in defaults)
    if removed:
        yield from _without(faulty, removed)


def _of_rule(faulty: Faulty, path: Path) -> tuple[list[str], bool]:
    """Parameters by whose defaults a rule is open, and whether it is to be taken out."""
    rule = faulty.template.resolve(written(faulty.template, path))
    if not isinstance(rule, Mapping):
        return [], False
    open_keys = [key for key in _SOURCES if is_everybody(rule.get(key))]
    by_default = [name for key in open_keys if (name := parameter_at(faulty.template, (*path, key)))]
    if open_keys and len(by_default) == len(open_keys):
        return by_default if _reaches(rule) else [], False
    return [], bool(open_keys) and not by_default and _is_control_alone(rule)


def _without(faulty: Faulty, removed: list[Path]) -> Iterator[Edit]:
    if faulty.resource.type == _INGRESS:
        for path in removed:
            if references_to(faulty.template, str(path[1])):
                raise CannotEditError(f"a reference to {path[1]}")
            yield Remove(path[:2])
    elif removed[0][-1] == "SecurityGroupIngress":
        yield Remove(removed[0])
    elif all(isinstance(path[-1], int) and path[-2] == "SecurityGroupIngress" for path in removed):
        yield from removed_if_empty(faulty.template.content, removed)


def _of_the_same_group(faulty: Faulty) -> Iterator[str]:
    """Rules apart of the same group: IPv4 and IPv6 have one each, and one finding."""
    group = faulty.template.referred(faulty.resource.get("GroupId"))
    for rule in faulty.template.of_type(_INGRESS):
        of_same = group is not None and faulty.template.referred(rule.get("GroupId")) is group
        if (rule.logical_id == faulty.logical_id or of_same) and rule.logical_id in faulty.template.content[
            "Resources"
        ]:
            yield rule.logical_id


def _reaches(rule: Mapping[str, Any]) -> bool:
    low, high = as_int(rule.get("FromPort")), as_int(rule.get("ToPort"))
    if str(rule.get("IpProtocol")) == "-1":
        return True
    return low is not None and high is not None and any(low <= port <= high for port in CONTROL_PORTS)


def _is_control_alone(rule: Mapping[str, Any]) -> bool:
    """True for a rule that opens ports of control and no other."""
    low, high = as_int(rule.get("FromPort")), as_int(rule.get("ToPort"))
    return (
        low is not None
        and high is not None
        and str(rule.get("IpProtocol")).lower() in ("tcp", "6")
        and 0 <= high - low < len(CONTROL_PORTS)
        and all(port in CONTROL_PORTS and port not in _SERVED for port in range(low, high + 1))
    )


def _encrypted(faulty: Faulty) -> Iterator[Edit]:
    if faulty.resource.type in _DATA_HOLDERS:
        policy = ("Resources", faulty.logical_id, "UpdateReplacePolicy")
        if written(faulty.template, policy) is None:
            yield Put(policy, "Retain")  # CloudFormation makes another one, and would delete what is in this
        yield from (Put(path, True) for path in stated(faulty.template, properties(faulty.logical_id, "Encrypted")))
        return
    for place in members(faulty.template, data_path(faulty, "BlockDeviceMappings")):
        for path in stated(faulty.template, (*place, "Ebs", "Encrypted")):
            row = written(faulty.template, place)
            volume = written(faulty.template, path[:-1])
            snapshot = isinstance(volume, Mapping) and volume.get("SnapshotId") is not None
            if (
                isinstance(row, Mapping)
                and not is_function(row)
                and "Ebs" in row
                and not snapshot
                and not is_true(written(faulty.template, path))
            ):
                yield Put(path, True)


def _private(faulty: Faulty) -> Iterator[Edit]:
    for key, value in (("EndpointPublicAccess", False), ("EndpointPrivateAccess", True)):
        for path in stated(faulty.template, properties(faulty.logical_id, "ResourcesVpcConfig", key)):
            if str(written(faulty.template, path)).lower() != str(value).lower():
                yield Put(path, value)


def _self_rules(faulty: Faulty) -> Iterator[Edit]:
    """Rules of a group with itself, each a resource: a group can't refer to itself."""
    launch = Launch(faulty.resource)
    named = {
        made.logical_id
        for item in launch.interfaces
        if isinstance(item, Mapping) and item.get("InterfaceType") in ("efa", "efa-only")
        for group in as_list(item.get("Groups"))
        if (made := faulty.template.referred(group)) is not None and made.type == "AWS::EC2::SecurityGroup"
    }
    if len(named) != 1:
        raise CannotEditError("no group, or several, on its EFA interfaces")
    group = named.pop()
    itself = {"Fn::GetAtt": [group, "GroupId"]}
    for way, other in (("Ingress", "SourceSecurityGroupId"), ("Egress", "DestinationSecurityGroupId")):
        if any(f"no {way.lower()}" in finding.message or "each of" in finding.message for finding in faulty.findings):
            name = f"{group}All{way}"
            if name in faulty.template.content["Resources"]:
                raise CannotEditError(f"a resource {name}")
            rule = {"GroupId": itself, "IpProtocol": "-1", other: itself}
            yield Put(("Resources", name), {"Type": f"AWS::EC2::SecurityGroup{way}", "Properties": rule})


def _lustre_ports(faulty: Faulty) -> Iterator[Edit]:
    """The second range whole: a rule for a part of it widened, or else one beside each rule for the first port."""
    first, low, high = _LUSTRE
    inline = list(members(faulty.template, properties(faulty.logical_id, "SecurityGroupIngress")))
    apart = [
        properties(resource.logical_id)
        for resource in faulty.template.of_type(_INGRESS)
        if _opens(faulty, resource) and resource.logical_id in faulty.template.content["Resources"]
    ]
    ends = {
        path: (as_int(_cell(faulty, path, "FromPort")), as_int(_cell(faulty, path, "ToPort")))
        for path in (*inline, *apart)
    }
    parts = [path for path, (start, end) in ends.items() if start and end and low <= start <= end <= high]
    if parts:
        for path in parts:
            for key, port, stated_port in (("FromPort", low, ends[path][0]), ("ToPort", high, ends[path][1])):
                if port != stated_port:
                    yield Put((*path, key), port)
        return
    for path in (path for path, (start, end) in ends.items() if start == first == end):
        copy = {**written(faulty.template, path), "FromPort": low, "ToPort": high}
        if path in inline:
            yield Append(path[:-1], (copy,))
        else:
            name = f"{path[1]}To{high}"
            if name in faulty.template.content["Resources"]:
                raise CannotEditError(f"a resource {name}")
            yield Put(("Resources", name), {"Type": _INGRESS, "Properties": copy})


def _cell(faulty: Faulty, path: Path, key: str) -> Any:  # noqa: ANN401 - JSON
    rule = faulty.template.resolve(written(faulty.template, path))
    return rule.get(key) if isinstance(rule, Mapping) else None


def _opens(faulty: Faulty, rule: Resource) -> bool:
    """True for a rule apart of the group that is repaired."""
    made = faulty.template.referred(rule.get("GroupId"))
    return made is not None and made.logical_id == faulty.logical_id


def _version(faulty: Faulty) -> Iterator[Edit]:
    """The oldest version that EKS offers: a cluster goes one minor version at a time."""
    oldest = min(version.parsed for version in eks.KUBERNETES_VERSIONS)
    yield from _raised(faulty, eks.spelled(oldest))


def _version_for_p6e(faulty: Faulty) -> Iterator[Edit]:
    yield from _raised(faulty, eks.spelled(eks.P6E_MINIMUM_VERSION))


def _raised(faulty: Faulty, version: str) -> Iterator[Edit]:
    for path in stated(faulty.template, properties(faulty.logical_id, "Version")):
        if path[0] == "Parameters" and isinstance(
            faulty.template.content["Parameters"][path[1]].get("AllowedValues"), list
        ):
            allowed = faulty.template.content["Parameters"][path[1]]["AllowedValues"]
            if version not in map(str, allowed):
                yield Append(("Parameters", path[1], "AllowedValues"), (version,))
        yield Put(path, version)


def _tagged_session(faulty: Faulty) -> Iterator[Edit]:
    path = properties(faulty.logical_id, "AssumeRolePolicyDocument", "Statement")
    statements = written(faulty.template, path)
    if not any("sts:TagSession" in finding.message.split(",")[0] for finding in faulty.findings):
        return
    several = enumerate(statements) if isinstance(statements, list) else [(None, statements)]
    for number, statement in several:
        principal = statement.get("Principal") if isinstance(statement, Mapping) else None
        service = principal.get("Service") if isinstance(principal, Mapping) else None
        if "pods.eks.amazonaws.com" in as_list(service):
            place = (*path, number, "Action") if number is not None else (*path, "Action")
            actions = as_list(written(faulty.template, place))
            yield Put(place, [*actions, "sts:TagSession"])


def _configuration(faulty: Faulty) -> Iterator[Edit]:
    """A configuration as text, its environment as texts."""
    path = properties(faulty.logical_id, "ConfigurationValues")
    stated_values = written(faulty.template, path)
    if isinstance(stated_values, Mapping):
        if any(sign in json.dumps(stated_values) for sign in ('"Fn::', '"Ref"')):
            raise CannotEditError("a function in the configuration")
        yield Put(path, json.dumps(stated_values))
    elif isinstance(stated_values, str):
        values = json.loads(stated_values)
        environment = values["env"]
        values["env"] = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in environment.items()
        }
        if values["env"] != environment:
            yield Put(path, json.dumps(values))


FIXES: Final = (
    Fix("addon-configuration", "a mapping as its text; switches of env as texts, in JSON", _configuration),
    Fix(
        "open-to-everybody",
        "rules for ports of control alone taken out, because Session Manager needs none; where it is the default of a "
        "parameter, the default taken out: a deployment has to state the network",
        _closed,
        after="reach instances by Session Manager, and state your network where a parameter has no default any more",
    ),
    Fix("lustre-ports", "the second range beside each rule for 988", _lustre_ports),
    Fix(
        "volume-encryption",
        "Encrypted: true, and UpdateReplacePolicy: Retain on volumes and file systems",
        _encrypted,
        after="a deployment replaces instances, volumes and file systems that are there: copy their data; replaced "
        "volumes and file systems are kept",
    ),
    Fix(
        "public-endpoint",
        "EndpointPublicAccess: false, EndpointPrivateAccess: true",
        _private,
        after="whoever used the public endpoint needs a way into the VPC",
    ),
    Fix("efa-security-group", "rules of the group with itself, both ways, if it is in the template", _self_rules),
    Fix("kubernetes-version", "the oldest version that EKS offers", _version),
    Fix("kubernetes-for-p6e", "the oldest version that takes P6e", _version_for_p6e),
    Fix("pod-identity", "sts:TagSession beside sts:AssumeRole", _tagged_session),
)
