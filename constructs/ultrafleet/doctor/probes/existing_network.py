"""Probes of an existing VPC: its names, its subnets, and the security group of EFA traffic."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment
from ultrafleet.environment.facts import ip_budgets
from ultrafleet.environment.network_settings import SubnetSettings

_DNS: Final = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}
_ALL: Final = "-1"


def _one(account: Account, operation: str, key: str, **ids: list[str]) -> Mapping[str, Any] | None:
    """The thing of an id; None where EC2 has none of it."""
    try:
        found = account.call("ec2", operation, **ids)[key]
    except AwsRefusalError as refusal:
        if refusal.code.endswith((".NotFound", ".Malformed")):
            return None
        raise
    return found[0] if found else None


def _missing(wanted: str) -> Answer:
    return no(f"EC2 has no {wanted} in this account and region", "correct the id in the file")


def _vpc_questions(environment: Environment) -> Iterator[Question]:
    network = environment.network
    if network.vpc_id is None:
        return
    cidrs = f", and has {', '.join(network.cidrs)}" if network.cidrs else ""
    yield Question(
        subject=f"VPC {network.vpc_id}",
        expected=f"resolves DNS names and gives hostnames{cidrs}",
        ask=partial(_ask_vpc, network.vpc_id, network.cidrs),
        path="network.vpc_id",
        stops_launch=True,
    )


def _ask_vpc(vpc_id: str, cidrs: list[str], account: Account) -> Answer:
    found = _one(account, "describe_vpcs", "Vpcs", VpcIds=[vpc_id])
    if found is None:
        return _missing(vpc_id)
    has = {item["CidrBlock"] for item in found.get("CidrBlockAssociationSet") or []} | {found["CidrBlock"]}
    lacking = [cidr for cidr in cidrs if cidr not in has]
    if lacking:
        return no(f"its CIDRs are {', '.join(sorted(has))}", "correct network.cidr or network.secondary_cidrs")
    for attribute, key in _DNS.items():
        answer = account.call("ec2", "describe_vpc_attribute", VpcId=vpc_id, Attribute=attribute)
        if not answer[key]["Value"]:
            return no(
                f"{attribute} is off, and nodes don't find the cluster's private endpoint",
                "its owner switches it on: aws ec2 modify-vpc-attribute",
            )
    return yes(f"{', '.join(sorted(has))}, with DNS support and hostnames")


def _subnet_questions(environment: Environment) -> Iterator[Question]:
    budgets = {budget.subnet_name: budget for budget in ip_budgets(environment)}
    for subnet in environment.network.subnets:
        if subnet.subnet_id is None:
            continue
        needs = budgets[subnet.name].used if subnet.name in budgets else 0
        room = f", with room for {needs:,} addresses" if needs else ""
        yield Question(
            subject=f"subnet {subnet.name}, {subnet.subnet_id}",
            expected=f"in {environment.network.vpc_id} and {subnet.availability_zone}"
            + (f", {subnet.cidr}" if subnet.cidr else "")
            + room,
            ask=partial(_ask_subnet, str(environment.network.vpc_id), subnet, needs, environment.cluster_name),
            path="network.subnets",
            stops_launch=True,
        )


def _ask_subnet(vpc_id: str, subnet: SubnetSettings, needs: int, cluster: str, account: Account) -> Answer:
    subnet_id = str(subnet.subnet_id)
    found = _one(account, "describe_subnets", "Subnets", SubnetIds=[subnet_id])
    if found is None:
        return _missing(subnet_id)
    stated = {"VpcId": vpc_id, "AvailabilityZone": subnet.availability_zone, "CidrBlock": subnet.cidr}
    for key, value in stated.items():
        if value is not None and found[key] != value:
            return no(f"its {key} is {found[key]}", "correct the subnet's entry in the file")
    free = found["AvailableIpAddressCount"]
    if free < needs and not _nodes_in(subnet_id, cluster, account):
        return no(f"{free:,} of its addresses are free", "use a larger subnet, or one of its own, or lower max_pods")
    return yes(f"{found['CidrBlock']} in {found['AvailabilityZone']}, {free:,} addresses are free")


def _nodes_in(subnet_id: str, cluster: str, account: Account) -> bool:
    """True if nodes of the cluster run in the subnet: they have some of the addresses already."""
    filters = [
        {"Name": "subnet-id", "Values": [subnet_id]},
        {"Name": "tag:eks:cluster-name", "Values": [cluster]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    return any(account.pages("ec2", "describe_instances", "Reservations", Filters=filters))


def _efa_questions(environment: Environment) -> Iterator[Question]:
    group = environment.network.efa_security_group_id
    if group is not None:
        yield Question(
            subject=f"security group {group}",
            expected=f"in {environment.network.vpc_id}, lets all traffic in from itself and out to itself",
            ask=partial(_ask_efa, str(environment.network.vpc_id), group),
            path="network.efa_security_group_id",
            stops_launch=True,
        )


def _ask_efa(vpc_id: str, group_id: str, account: Account) -> Answer:
    found = _one(account, "describe_security_groups", "SecurityGroups", GroupIds=[group_id])
    if found is None:
        return _missing(group_id)
    if found["VpcId"] != vpc_id:
        return no(f"it is in {found['VpcId']}", "name a group of the VPC, or leave it out: one is made then")
    lacking = [
        direction
        for direction, key in (("in from itself", "IpPermissions"), ("out to itself", "IpPermissionsEgress"))
        if not any(_is_of_itself(rule, group_id) for rule in found.get(key) or [])
    ]
    if lacking:
        return no(
            f"no rule lets all traffic {' or '.join(lacking)}",
            "its owner adds the rule, or leave efa_security_group_id out: EFA needs a rule of the group itself, one of "
            "addresses isn't enough",
        )
    return yes("it lets all traffic in from itself and out to itself")


def _is_of_itself(rule: Mapping[str, Any], group_id: str) -> bool:
    return rule["IpProtocol"] == _ALL and any(
        pair.get("GroupId") == group_id for pair in rule.get("UserIdGroupPairs") or []
    )


EXISTING_VPC: Final = Probe(
    id="existing-vpc",
    asks="Does the existing VPC have the file's CIDRs, and DNS names for the cluster's endpoint?",
    permissions=(Permission(action="ec2:DescribeVpcAttribute"), Permission(action="ec2:DescribeVpcs")),
    questions=_vpc_questions,
)
EXISTING_SUBNET: Final = Probe(
    id="existing-subnet",
    asks="Is the existing subnet where the file says, with room for its pools?",
    permissions=(Permission(action="ec2:DescribeInstances"), Permission(action="ec2:DescribeSubnets")),
    questions=_subnet_questions,
)
EXISTING_EFA_GROUP: Final = Probe(
    id="existing-efa-group",
    asks="Does the existing security group let EFA traffic through, both ways?",
    permissions=(Permission(action="ec2:DescribeSecurityGroups"),),
    questions=_efa_questions,
)
