"""Rules of ports: who may reach what hands out control, and the ports that Lustre needs."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.networks import is_everybody
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown

_GROUP: Final = "AWS::EC2::SecurityGroup"
_INGRESS: Final = "AWS::EC2::SecurityGroupIngress"
_ALL_PORTS: Final = 65_535
_LUSTRE, _LUSTRE_LOW, _LUSTRE_HIGH = 988, 1018, 1023

CONTROL_PORTS: Final = {
    22: "SSH",
    2375: "Docker",
    2376: "Docker",
    2379: "etcd",
    2380: "etcd",
    3389: "RDP",
    5985: "WinRM",
    5986: "WinRM",
    6379: "Redis and Ray's head node",
    6817: "Slurm's controller",
    6818: "Slurm's nodes",
    6819: "Slurm's database",
    8000: "inference servers",
    8265: "Ray's dashboard, which runs jobs",
    8786: "Dask's scheduler",
    8888: "Jupyter",
    10001: "Ray's client",
    10250: "the kubelet",
}
"""Ports behind which there is a shell, a scheduler or an API that runs what it is sent."""


def _open_to_everybody(template: Template) -> Iterator[Problem]:
    of_group: dict[str, dict[str, None]] = defaultdict(dict)
    for resource, rule in _rules(template):
        sources = [rule.get("CidrIp"), rule.get("CidrIpv6")]
        unknown = next((source for source in sources if isinstance(source, Unknown)), None)
        everybody = any(map(is_everybody, sources))
        if isinstance(rule.get("IpProtocol"), Unknown) or any(
            isinstance(rule.get(key), Unknown) for key in ("FromPort", "ToPort")
        ):
            if everybody:
                yield cannot_tell(resource.logical_id, "ports that are open to any network", "known at deployment")
            continue
        reached = _reached(rule)
        if everybody:
            of_group[resource.logical_id].update(dict.fromkeys(reached))
        elif unknown is not None and reached:
            yield cannot_tell(resource.logical_id, f"who reaches {', '.join(reached)}", unknown.reason)
    told: set[tuple[str, tuple[str, ...]]] = set()
    for logical_id, ports in of_group.items():
        key = (_opened(template, logical_id), tuple(ports))
        if key in told:
            continue  # IPv4 and IPv6 by a rule each
        told.add(key)
        if _EVERYTHING in ports:
            yield Problem(logical_id, "all traffic is allowed from anywhere, expected your networks: narrow it")
        elif ports:
            yield Problem(
                logical_id,
                f"{', '.join(ports)} {'is' if len(ports) == 1 else 'are'} allowed from anywhere, expected your "
                "networks: narrow it, or use Session Manager or port forwarding",
            )


def _opened(template: Template, logical_id: str) -> str:
    """Name of the group that a resource opens: its own, or the one that a rule apart names."""
    resource = template.resources[logical_id]
    made = template.referred(resource.get("GroupId"))
    return made.logical_id if made is not None else str(resource.get("GroupId") or logical_id)


_EVERYTHING: Final = "all traffic"


def _reached(rule: Mapping[str, Any]) -> list[str]:
    """Names of what the ports of a rule hand out, with the port; everything is one name."""
    protocol = str(rule.get("IpProtocol")).lower()
    if protocol == "-1":
        return [_EVERYTHING]
    low, high = as_int(rule.get("FromPort")), as_int(rule.get("ToPort"))
    if protocol not in ("tcp", "6") or low is None or high is None:
        return []
    if low <= 1 and high >= _ALL_PORTS:
        return ["every TCP port"]
    return [f"{name} (port {port})" for port, name in CONTROL_PORTS.items() if low <= port <= high]


def _rules(template: Template) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for group in template.of_type(_GROUP):
        for rule in group.items("SecurityGroupIngress"):
            if isinstance(rule, Mapping):
                yield group, rule
    for apart in template.of_type(_INGRESS):
        yield apart, apart.properties


def _lustre(template: Template) -> Iterator[Problem]:
    """Groups that open Lustre's first port and not the second range."""
    rules: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    holders: dict[str, str] = {}
    for resource, rule in _rules(template):
        group = _opened(template, resource.logical_id)
        rules[group].append(rule)
        holders.setdefault(group, group if group in template.resources else resource.logical_id)
    for group, of_group in rules.items():
        if any(isinstance(rule.get(key), Unknown) for rule in of_group for key in ("IpProtocol", "FromPort", "ToPort")):
            continue
        named = [rule for rule in of_group if str(rule.get("IpProtocol")).lower() in ("tcp", "6")]
        opened = [_source(rule) for rule in named if _covers(rule, _LUSTRE)]
        whole = {_source(rule) for rule in of_group if str(rule.get("IpProtocol")) == "-1"}
        shut = [port for port in range(_LUSTRE_LOW, _LUSTRE_HIGH + 1) if not any(_covers(rule, port) for rule in named)]
        if opened and shut and not whole.issuperset(opened):
            yield Problem(
                holders[group],
                f"port {_LUSTRE} is open and {shut[0]} to {shut[-1]} are not, expected {_LUSTRE} and {_LUSTRE_LOW} to "
                f"{_LUSTRE_HIGH}: servers and clients of Lustre connect by all of them, open them",
            )


def _covers(rule: Mapping[str, Any], port: int) -> bool:
    first, last = as_int(rule.get("FromPort")), as_int(rule.get("ToPort"))
    return first is not None and last is not None and first <= port <= last


def _source(rule: Mapping[str, Any]) -> str:
    return repr([rule.get(key) for key in ("CidrIp", "CidrIpv6", "SourceSecurityGroupId", "SourcePrefixListId")])


RULES: Final = (
    PolicyRule(
        id="open-to-everybody",
        number=33,
        severity=Severity.ERROR,
        protects_from="strangers who run what they like: each of these ports hands out a shell, a scheduler or an API",
        source=Source(
            "EC2 user guide, security groups; Ray documentation, security; Kubernetes documentation, ports and "
            "protocols; vLLM documentation, security; Slurm documentation, network; the list itself is ours",
            also=(Source("of inference servers on 8000: vLLM's and Triton's default", Confidence.MEDIUM),),
        ),
        remedy="name your networks, or use Session Manager",
        check=_open_to_everybody,
    ),
    PolicyRule(
        id="lustre-ports",
        number=60,
        severity=Severity.WARNING,
        protects_from="a file system that mounts and then hangs",
        source=Source(
            "FSx for Lustre user guide, VPC security groups: TCP 988 and 1018-1023",
            address="https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html",
        ),
        remedy=f"TCP {_LUSTRE} and {_LUSTRE_LOW} to {_LUSTRE_HIGH}, from and to the group itself and its clients",
        check=_lustre,
    ),
)
