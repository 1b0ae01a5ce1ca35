"""Existing things of an environment, which the embedded account has before the environment is deployed.

They are made by the services' own APIs, as their owner would have made them; only their ids are those of the file.
"""

import ipaddress
import json
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from ultrafleet.accelerator_addons.versions import VersionTable
from ultrafleet.catalog.eks import AddonName, addon_version, application_log_group, host_log_group
from ultrafleet.catalog.limits import SUBNET_SHORTEST_PREFIX
from ultrafleet.environment import Environment
from ultrafleet.environment.network_settings import SubnetSettings
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.kubernetes import KubernetesApi
from ultrafleet.rehearsal.kubernetes.state import Release
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_CIDR = "10.0.0.0/16"
_CONTROL_PLANE_PREFIX = 28
_ALWAYS = (AddonName.VPC_CNI, AddonName.KUBE_PROXY, AddonName.COREDNS)
_NODE_POLICIES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")


def make_existing(environment: Environment) -> None:
    """Make what an environment's file says exists and its account doesn't have; again: only what is new in the file."""
    if environment.network.vpc_id is None and environment.cluster.existing is None:
        _make_single(environment)
        return
    site = _Site(environment)
    site.make_network()
    site.make_cluster()
    _make_single(environment)


def _make_single(environment: Environment) -> None:
    """Make a node role, a topic and a key, which stand alone."""
    call = Calls(account_id=environment.account, region=environment.region)
    if environment.cluster.node_role_arn is not None:
        _role(call, environment.cluster.node_role_arn, "ec2.amazonaws.com", _NODE_POLICIES)
    if environment.alarm_topic_arn is not None:
        call("sns", "create_topic", Name=environment.alarm_topic_arn.rpartition(":")[2])
    if environment.encryption_key_arn is not None:
        _key(call, environment.encryption_key_arn.rpartition("/")[2])


class _Site:
    """VPC and cluster that exist."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._network = environment.network
        self._call = Calls(account_id=environment.account, region=environment.region)

    def make_network(self) -> None:
        """Make the VPC, its subnets with a way out, and the security group of EFA traffic."""
        network, call = self._network, self._call
        if network.vpc_id is None or not _is_there(call, "describe_vpcs", VpcIds=[network.vpc_id]):
            with _id("vpcs.random_vpc_id", network.vpc_id):
                vpc = call("ec2", "create_vpc", CidrBlock=network.cidr or _enclosing(network.subnets))["Vpc"]["VpcId"]
            if network.vpc_id is None:
                return
            call("ec2", "modify_vpc_attribute", VpcId=vpc, EnableDnsHostnames={"Value": True})
        described = call("ec2", "describe_vpcs", VpcIds=[network.vpc_id])["Vpcs"][0]
        known = {item["CidrBlock"] for item in described["CidrBlockAssociationSet"]}
        for cidr in network.secondary_cidrs:
            if cidr not in known:
                call("ec2", "associate_vpc_cidr_block", VpcId=network.vpc_id, CidrBlock=cidr)
        for subnet in network.subnets:
            self._make_subnet(network.vpc_id, subnet)
        group = network.efa_security_group_id
        if group is not None and not _is_there(call, "describe_security_groups", GroupIds=[group]):
            _efa_group(call, network.vpc_id, group)

    def _make_subnet(self, vpc_id: str, subnet: SubnetSettings) -> None:
        call = self._call
        table = subnet.route_table_id
        if table is not None and not _is_there(call, "describe_route_tables", RouteTableIds=[table]):
            with _id("route_tables.random_route_table_id", table):
                call("ec2", "create_route_table", VpcId=vpc_id)
            self._way_out(vpc_id, table)
        if subnet.subnet_id is None or _is_there(call, "describe_subnets", SubnetIds=[subnet.subnet_id]):
            return
        cidr = subnet.cidr or self._free_cidrs(1)[0]
        with _id("subnets.random_subnet_id", subnet.subnet_id):
            call("ec2", "create_subnet", VpcId=vpc_id, CidrBlock=cidr, AvailabilityZone=subnet.availability_zone)
        made = call("ec2", "create_route_table", VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        call("ec2", "associate_route_table", RouteTableId=made, SubnetId=subnet.subnet_id)
        self._way_out(vpc_id, made)

    def _way_out(self, vpc_id: str, route_table_id: str) -> None:
        """Give a route table the VPC's one NAT gateway."""
        call = self._call
        gateways = call("ec2", "describe_nat_gateways", Filter=[{"Name": "vpc-id", "Values": [vpc_id]}])["NatGateways"]
        if not gateways:
            zone = f"{self._environment.region}a"
            public = call(
                "ec2", "create_subnet", VpcId=vpc_id, CidrBlock=self._free_cidrs(1)[0], AvailabilityZone=zone
            )["Subnet"]["SubnetId"]
            address = call("ec2", "allocate_address", Domain="vpc")["AllocationId"]
            gateways = [call("ec2", "create_nat_gateway", SubnetId=public, AllocationId=address)["NatGateway"]]
        call(
            "ec2",
            "create_route",
            RouteTableId=route_table_id,
            DestinationCidrBlock="0.0.0.0/0",
            NatGatewayId=gateways[0]["NatGatewayId"],
        )

    def make_cluster(self) -> None:
        """Make the cluster with its add-ons, log groups and charts."""
        existing, call = self._environment.cluster.existing, self._call
        if existing is None:
            return
        if existing.name not in call("eks", "list_clusters")["clusters"]:
            role = _role(
                call,
                f"arn:aws:iam::{self._environment.account}:role/{existing.name}-control-plane",
                "eks.amazonaws.com",
                ("AmazonEKSClusterPolicy",),
            )
            with _id("security_groups.random_security_group_id", existing.security_group_id):
                call(
                    "eks",
                    "create_cluster",
                    name=existing.name,
                    version=self._environment.cluster.kubernetes_version,
                    roleArn=role,
                    resourcesVpcConfig={"subnetIds": self._control_plane_subnets(), "endpointPrivateAccess": True},
                    accessConfig={"authenticationMode": existing.authentication_mode or "CONFIG_MAP"},
                )
        installed = call("eks", "list_addons", clusterName=existing.name)["addons"]
        for addon in (*_ALWAYS, *existing.addons):
            if addon not in installed:
                version = addon_version(addon, self._environment.cluster.kubernetes_version).value
                call("eks", "create_addon", clusterName=existing.name, addonName=str(addon), addonVersion=version)
        names = {"host": host_log_group(existing.name), "application": application_log_group(existing.name)}
        for group in existing.log_groups:
            try:
                call("logs", "create_log_group", logGroupName=names[group])
            except Refusal:  # it is there
                continue
        self._make_charts(existing.name)

    def _make_charts(self, cluster_name: str) -> None:
        api = SIMULATED_ACCOUNT.part(KubernetesApi, self._environment.account, self._environment.region)
        known = VersionTable.of().charts
        installed = {release.chart for release in api.content(cluster_name).releases.values()}
        for chart, version in self._environment.kubernetes.existing.items():
            if chart not in installed:
                repository = known[chart].repository if chart in known else ""
                api.install(
                    cluster_name,
                    Release(
                        name=chart, namespace=chart, chart=chart, repository=repository, version=version, values={}
                    ),
                    create_namespace=True,
                )

    def _control_plane_subnets(self) -> list[str]:
        """Subnets in two zones, of the control plane's own."""
        call, region = self._call, self._environment.region
        vpc = (
            self._network.vpc_id
            or call("ec2", "describe_vpcs", Filters=[{"Name": "cidr", "Values": [self._network.cidr or _CIDR]}])[
                "Vpcs"
            ][-1]["VpcId"]
        )
        made = []
        for zone, cidr in zip(("a", "b"), self._free_cidrs(2, vpc), strict=True):
            created = call("ec2", "create_subnet", VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{region}{zone}")
            made.append(created["Subnet"]["SubnetId"])
        return made

    def _free_cidrs(self, count: int, vpc: str | None = None) -> list[str]:
        """Small CIDRs of the VPC, from its end, that neither the file nor the account uses."""
        vpc_id = vpc or self._network.vpc_id
        (described,) = self._call("ec2", "describe_vpcs", VpcIds=[vpc_id])["Vpcs"]
        whole = ipaddress.IPv4Network(described["CidrBlock"])
        made = self._call("ec2", "describe_subnets", Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
        cidrs = [item["CidrBlock"] for item in made] + [item.cidr for item in self._network.subnets if item.cidr]
        taken = [ipaddress.IPv4Network(cidr) for cidr in cidrs]
        found: list[str] = []
        start = int(whole.broadcast_address) + 1
        size = 2 ** (32 - _CONTROL_PLANE_PREFIX)
        while len(found) < count and (start := start - size) >= int(whole.network_address):
            candidate = ipaddress.IPv4Network((start, _CONTROL_PLANE_PREFIX))
            if not any(candidate.overlaps(other) for other in taken):
                found.append(str(candidate))
        return found


def _enclosing(subnets: list[SubnetSettings]) -> str:
    """CIDR of a VPC that holds the stated subnets, where the file doesn't state the VPC's."""
    stated = [ipaddress.IPv4Network(subnet.cidr) for subnet in subnets if subnet.cidr is not None]
    largest = SUBNET_SHORTEST_PREFIX.value
    return str(stated[0].supernet(new_prefix=largest)) if stated and stated[0].prefixlen >= largest else _CIDR


def _is_there(call: Calls, operation: str, **ids: list[str]) -> bool:
    try:
        call("ec2", operation, **ids)
    except Refusal:
        return False
    return True


def _efa_group(call: Calls, vpc_id: str, group_id: str) -> None:
    with _id("security_groups.random_security_group_id", group_id):
        call("ec2", "create_security_group", GroupName=f"efa-{group_id}", Description="EFA traffic", VpcId=vpc_id)
    itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}]
    call("ec2", "authorize_security_group_ingress", GroupId=group_id, IpPermissions=itself)
    call("ec2", "authorize_security_group_egress", GroupId=group_id, IpPermissions=itself)


def _role(call: Calls, arn: str, service: str, policies: tuple[str, ...]) -> str:
    """ARN of a role of the account that a service takes; it is made where it is missing."""
    path, _, name = arn.partition(":role/")[2].rpartition("/")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    try:
        call("iam", "create_role", RoleName=name, Path=f"/{path}/" if path else "/", AssumeRolePolicyDocument=document)
    except Refusal:
        return arn  # it is there
    for policy in policies:
        call("iam", "attach_role_policy", RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    return arn


def _key(call: Calls, key_id: str) -> None:
    try:
        call("kms", "describe_key", KeyId=key_id)
    except Refusal:
        with patch("moto.kms.models.generate_key_id", lambda _multi_region=False: key_id):
            call("kms", "create_key", Description="of its owner")


@contextmanager
def _id(maker: str, wanted: str | None) -> Iterator[None]:
    """Context manager: what is made in it has the wanted id, where there is one."""
    if wanted is None:
        yield
        return
    with patch(f"moto.ec2.models.{maker}", lambda: wanted):
        yield
