"""Rules of launch templates: network interfaces, metadata, keys, user data."""

from collections.abc import Iterator, Mapping

from ultrafleet.catalog import InstanceType, other_type_names
from ultrafleet.catalog.limits import METADATA_HOP_LIMIT, USER_DATA_BYTES, source
from ultrafleet.catalog.network_card import INTERFACE_TYPES, NETWORK_INTERFACE_TYPES
from ultrafleet.catalog.source import Source
from ultrafleet.layout import layout_violations
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell, must_not_be_stated
from ultrafleet.templates.launch import as_int, is_true, known_type, launches, secondary_interfaces
from ultrafleet.templates.node_config import user_data
from ultrafleet.templates.node_group import groups, groups_elsewhere, names_launched, types_launched
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown

_FAMILIES = {item.name.split(".")[0] for item in InstanceType.all() if item.name}


def _efa_layout(template: Template) -> Iterator[Problem]:
    types, names, secondary = types_launched(template), names_launched(template), secondary_interfaces(template)
    for launch in launches(template):
        layout, logical_id = launch.layout, launch.resource.logical_id
        kinds = names.get(logical_id, [])
        if isinstance(layout, Unknown):
            yield cannot_tell(logical_id, "the network interfaces", layout.reason)
        elif layout is not None and launch.has_efa and (not kinds or isinstance(kinds[0], Unknown)):
            why = kinds[0].reason if kinds else "neither it nor what launches from it in these templates states one"
            yield cannot_tell(logical_id, "the instance type, and so the layout", why)
        elif layout is not None:
            added = secondary.get(logical_id, [])
            messages = [
                violation.message
                for kind in types.get(logical_id, ())
                for violation in layout_violations(
                    kind, [*layout, *added], allowed=INTERFACE_TYPES if added else NETWORK_INTERFACE_TYPES
                )
            ]
            yield from (Problem(logical_id, message) for message in dict.fromkeys(messages))


def _no_efa(template: Template) -> Iterator[Problem]:
    types, secondary = types_launched(template), secondary_interfaces(template)
    for launch in launches(template):
        if secondary.get(launch.resource.logical_id):
            continue  # its nodes are on RoCE
        members = [kind for kind in types.get(launch.resource.logical_id, ()) if kind.is_ultraserver_member]
        if members and not launch.has_efa and not isinstance(launch.layout, Unknown):
            yield Problem(
                launch.resource.logical_id,
                f"no interface of {members[0]} is of an EFA type, expected some: outside its NVLink domain it has "
                "TCP only, add them",
            )


def _instance_type(template: Template) -> Iterator[Problem]:
    named = [(launch.resource.logical_id, launch.get("InstanceType")) for launch in launches(template)]
    named += [(group.logical_id, name) for group in groups(template) for name in group.type_names]
    for logical_id, name in dict.fromkeys(pair for pair in named if isinstance(pair[1], str)):
        family = name.split(".")[0]
        if family in _FAMILIES and known_type(name) is None and name not in other_type_names():
            yield Problem(
                logical_id,
                f"instance type is {name}, expected one that is known of {family}: "
                f"{', '.join(sorted(str(item) for item in InstanceType.all() if str(item).split('.')[0] == family))}",
            )


def _public_ip(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        public = [
            item
            for item in launch.interfaces
            if isinstance(item, Mapping) and is_true(item.get("AssociatePublicIpAddress"))
        ]
        if public and len(launch.interfaces) > 1:
            yield Problem(
                launch.resource.logical_id,
                f"AssociatePublicIpAddress is true on one of {len(launch.interfaces)} interfaces, expected none: "
                "remove it, and reach the internet through NAT",
            )


def _groups_twice(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        for key in ("SecurityGroupIds", "SecurityGroups"):
            message = f"{key} is stated beside NetworkInterfaces, expected Groups on each interface: move them there"
            stated = launch.get(key)
            if launch.interfaces and stated != []:
                yield from must_not_be_stated(launch.resource.logical_id, key, stated, message)


def _imds(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        tokens = launch.get("MetadataOptions", "HttpTokens")
        if isinstance(tokens, Unknown):
            yield cannot_tell(launch.resource.logical_id, "HttpTokens", tokens.reason)
        elif tokens != "required" and launch.get("MetadataOptions", "HttpEndpoint") != "disabled":
            yield Problem(
                launch.resource.logical_id,
                f"HttpTokens is {tokens or 'not stated'}, expected required: with IMDSv1 any request from a pod gets "
                "the node's credentials",
                Severity.ERROR if tokens == "optional" else Severity.WARNING,
            )
    for resource in template.of_type("AWS::EC2::Instance", "AWS::AutoScaling::LaunchConfiguration"):
        if resource.get("MetadataOptions", "HttpTokens") == "optional":
            yield Problem(resource.logical_id, "HttpTokens is optional, expected required: set it")


_POD_HOPS, _EKS_HOPS = 1, 2
"""Largest hop limit that keeps pods away, and the one that EKS gives managed node groups without a launch template."""


def _hop_limit(template: Template) -> Iterator[Problem]:
    managed, others = _users(template)
    holders = [(launch.resource.logical_id, launch.get("MetadataOptions")) for launch in launches(template)]
    holders += [
        (item.logical_id, item.get("MetadataOptions"))
        for item in template.of_type("AWS::EC2::Instance", "AWS::AutoScaling::LaunchConfiguration")
    ]
    for logical_id, options in holders:
        limit = options.get("HttpPutResponseHopLimit") if isinstance(options, Mapping) else None
        most = _EKS_HOPS if logical_id in managed - others else _POD_HOPS
        if isinstance(limit, Unknown):
            yield cannot_tell(logical_id, "HttpPutResponseHopLimit", limit.reason)
        elif (
            (hops := as_int(limit)) is not None
            and most < hops <= METADATA_HOP_LIMIT.value
            and options.get("HttpEndpoint") != "disabled"
        ):
            yield Problem(
                logical_id,
                f"HttpPutResponseHopLimit is {hops}, expected {_POD_HOPS}: any pod or container takes the node's role "
                "and identity, give them their own",
            )


def _users(template: Template) -> tuple[set[str], set[str]]:
    """Launch templates of managed node groups, and those of other groups."""
    managed: set[str] = set()
    others: set[str] = set()
    for group in (*groups(template), *groups_elsewhere(template)):
        if group.launch is not None:
            (managed if group.is_managed else others).add(group.launch.resource.logical_id)
    return managed, others


def _ssh_key(template: Template) -> Iterator[Problem]:
    message = "KeyName is stated, expected none: use Session Manager, whose sessions are logged and need no port"
    stated = [(launch.resource.logical_id, launch.get("KeyName")) for launch in launches(template)]
    holders = template.of_type("AWS::EC2::Instance", "AWS::AutoScaling::LaunchConfiguration")
    stated += [(item.logical_id, item.get("KeyName")) for item in holders]
    for logical_id, key in stated:
        yield from must_not_be_stated(logical_id, "KeyName", key, message)


def _user_data(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        text = user_data(launch.get("UserData"))
        if text is not None and len(text) > USER_DATA_BYTES.value:
            yield Problem(
                launch.resource.logical_id,
                f"UserData has {len(text)} bytes, expected at most {USER_DATA_BYTES.value}: fetch the rest from S3",
            )


_EC2 = "EC2 user guide"
RULES = (
    PolicyRule(
        id="efa-layout",
        number=1,
        severity=Severity.ERROR,
        protects_from="instances that EC2 refuses, or that launch with less bandwidth than they were bought with",
        source=Source(f"{_EC2}, EFA interfaces by instance type, and network cards; see docs/efa-layout.md"),
        remedy="`ultrafleet layout TYPE` prints a layout that launches",
        check=_efa_layout,
    ),
    PolicyRule(
        id="no-efa",
        number=2,
        severity=Severity.WARNING,
        protects_from="an UltraServer whose nodes reach others over TCP only",
        source=Source(f"{_EC2}, EFA interfaces by instance type; that it is meant otherwise: ours"),
        remedy="`ultrafleet layout TYPE` prints a layout that launches",
        check=_no_efa,
    ),
    PolicyRule(
        id="instance-type",
        number=3,
        severity=Severity.WARNING,
        protects_from="a type that doesn't exist, and rules that don't know its cards",
        source=Source("docs/catalog.md, which names the source of each type; EC2 may know newer ones"),
        remedy="correct the name, or leave it if EC2 knows it",
        check=_instance_type,
    ),
    PolicyRule(
        id="public-ip",
        number=4,
        severity=Severity.ERROR,
        protects_from="launches that RunInstances refuses: no public address on instances with several interfaces",
        source=Source(f"{_EC2}, public IPv4 addresses"),
        remedy="remove AssociatePublicIpAddress",
        check=_public_ip,
    ),
    PolicyRule(
        id="security-groups-twice",
        number=5,
        severity=Severity.ERROR,
        protects_from="launches that EC2 refuses",
        source=Source("EC2 API reference, RunInstances; EKS user guide, launch templates"),
        remedy="Groups on every interface, and no SecurityGroupIds",
        check=_groups_twice,
    ),
    PolicyRule(
        id="imdsv2",
        number=6,
        severity=Severity.ERROR,
        protects_from="the node's credentials in the hands of any pod",
        source=Source(f"{_EC2}, instance metadata"),
        remedy="MetadataOptions: HttpTokens: required",
        check=_imds,
    ),
    PolicyRule(
        id="imds-hop-limit",
        number=55,
        severity=Severity.WARNING,
        protects_from="pods that take the node's role, and with its identity the tokens of other pods on the node",
        source=Source(
            "EKS best practices guide, restrict access to the instance profile; the chain was not run. 2 is what EKS "
            "gives managed node groups without a launch template, so that it isn't told of those",
            address="https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html",
        ),
        remedy="MetadataOptions: HttpPutResponseHopLimit: 1, and EKS Pod Identity for pods",
        check=_hop_limit,
    ),
    PolicyRule(
        id="ssh-key",
        number=7,
        severity=Severity.WARNING,
        protects_from="keys that are shared and never rotated",
        source=Source(f"{_EC2}, key pairs; that there should be none: ours"),
        remedy="remove KeyName",
        check=_ssh_key,
    ),
    PolicyRule(
        id="user-data-size",
        number=8,
        severity=Severity.ERROR,
        protects_from="a launch template that EC2 refuses",
        source=source("limit/ec2/user-data-bytes"),
        remedy="fetch what is large from S3",
        check=_user_data,
    ),
)
