"""Rules of the subnets of nodes: public ones, and prefixes of addresses that they don't hold."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from ultrafleet.catalog.eks import AddonName
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.rules.ip_budget import PREFIX_ADDRESSES
from ultrafleet.templates.addon_configuration import ADDON, environment_of
from ultrafleet.templates.launch import Launch, as_int, is_true
from ultrafleet.templates.networks import is_everybody
from ultrafleet.templates.node_config import node_configs
from ultrafleet.templates.node_group import groups
from ultrafleet.templates.template import Resource, Template, mapping
from ultrafleet.templates.unknown import text_of

_CNI: Final = AddonName.VPC_CNI
_PREFIX_LENGTH: Final = 28
_EDGE_BLOCKS: Final = 2
"""The first and the last block of a subnet, in which AWS keeps addresses."""
_ENDPOINT: Final = "AWS::EC2::VPCEndpoint"


def _public(template: Template) -> Iterator[Problem]:
    told: set[str] = set()
    private_access = any(item.get("VpcEndpointType") == "Interface" for item in template.of_type(_ENDPOINT))
    for group in groups(template):
        launch = group.launch
        if launch is None or len(launch.interfaces) < 2 or private_access:  # noqa: PLR2004 - the first and another
            continue
        for value in group.subnets:
            subnet = template.referred(value)
            if subnet is None or subnet.type != "AWS::EC2::Subnet" or group.logical_id in told:
                continue
            routed = _by_gateway(subnet)
            if routed or (routed is None and is_true(subnet.get("MapPublicIpOnLaunch"))):
                told.add(group.logical_id)
                yield Problem(
                    group.logical_id,
                    f"its subnet {subnet.logical_id} is public and its instances have {len(launch.interfaces)} "
                    "interfaces, expected a private subnet with a NAT gateway: EC2 gives instances with several "
                    "interfaces no public address, and without one they reach nothing through an internet gateway",
                )


def _by_gateway(subnet: Resource) -> bool | None:
    """True if the subnet's default route is an internet gateway, False if it is another, None if none is known."""
    template = subnet.template
    tables = [
        template.referred(item.get("RouteTableId"))
        for item in template.of_type("AWS::EC2::SubnetRouteTableAssociation")
        if template.referred(item.get("SubnetId")) is subnet
    ]
    found = None
    for route in template.of_type("AWS::EC2::Route"):
        if template.referred(route.get("RouteTableId")) not in tables or not tables:
            continue
        if not is_everybody(route.get("DestinationCidrBlock")):
            continue
        gateway = route.get("GatewayId")
        made = template.referred(gateway)
        attached = made is not None and made.type in ("AWS::EC2::InternetGateway", "AWS::EC2::VPCGatewayAttachment")
        found = found or attached or str(text_of(gateway) or "").startswith("igw-")
    return found


def _prefixes(template: Template) -> Iterator[Problem]:
    """Subnets that hold fewer prefixes than the pods of their nodes need, where the CNI delegates prefixes."""
    if not any(_delegates(addon) for addon in template.of_type(ADDON)):
        return
    needed: dict[str, int] = {}
    subnets: dict[str, Resource] = {}
    for group in groups(template, "AWS::EKS::Nodegroup", "AWS::AutoScaling::AutoScalingGroup"):
        size = as_int(group.max_size)
        subnet = template.referred(group.subnets[0]) if len(group.subnets) == 1 else None
        if size is None or subnet is None:
            continue
        pods = _max_pods(group.launch)
        subnets[subnet.logical_id] = subnet
        needed[subnet.logical_id] = needed.get(subnet.logical_id, 0) + size * -(-pods // PREFIX_ADDRESSES)
    for logical_id, count in needed.items():
        cidr = subnets[logical_id].get("CidrBlock")
        try:
            network = ipaddress.IPv4Network(str(cidr))
        except ValueError:
            continue  # known at deployment, or IPv6
        free = (
            max(2 ** (_PREFIX_LENGTH - network.prefixlen) - _EDGE_BLOCKS, 0)
            if network.prefixlen <= _PREFIX_LENGTH
            else 0
        )
        if count > free:
            yield Problem(
                logical_id,
                f"{cidr} holds {free} free /28 prefixes and its nodes need {count}, expected as many: with prefix "
                "delegation the CNI takes whole ones and pods wait without an address, state a larger CidrBlock",
            )


def _max_pods(launch: Launch | None) -> int:
    """Pods of a node, where its NodeConfig says it; else 1: each node takes a prefix at the least."""
    for config in node_configs(launch) if launch is not None else ():
        stated = as_int(mapping(mapping(mapping(config.get("spec")).get("kubelet")).get("config")).get("maxPods"))
        if stated is not None and stated > 0:
            return stated
    return 1


def _delegates(addon: Resource) -> bool:
    stated = environment_of(addon).get("ENABLE_PREFIX_DELEGATION")
    return addon.get("AddonName") == _CNI and str(stated).lower() == "true"


RULES: Final = (
    PolicyRule(
        id="public-subnet",
        number=68,
        severity=Severity.WARNING,
        protects_from="nodes without a way out, which never join",
        source=Source(
            "EC2 user guide, public IPv4 addresses: none is assigned to instances with several interfaces",
            address="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html",
            also=(Source("terraform-aws-eks #3533", Confidence.MEDIUM),),
        ),
        remedy="a private subnet with a NAT gateway or interface endpoints",
        check=_public,
    ),
    PolicyRule(
        id="prefix-delegation",
        number=69,
        severity=Severity.ERROR,
        protects_from="pods that wait for an address because the subnet has no whole prefix left",
        source=Source(
            "EKS best practices guide, prefix mode: a prefix is a /28 of its own",
            address="https://docs.aws.amazon.com/eks/latest/best-practices/prefix-mode-linux.html",
            also=(Source("amazon-vpc-cni-k8s #2749", Confidence.MEDIUM),),
        ),
        remedy="a larger CidrBlock, in a new subnet; `ultrafleet network plan` counts prefixes",
        check=_prefixes,
    ),
)
