"""Secondary network of nodes on RoCE, with its subnets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.layout import Interface
from ultrafleet.network.secondary_network_provider import SecondaryNetworkProvider
from ultrafleet.removal import apply_removal_policy
from ultrafleet.rules.secondary_network import (
    DEFAULT_SUBNETS,
    SecondaryNetworkPlan,
    check_region_of_secondary_network,
)
from ultrafleet.secondary_network_function import SECONDARY_INTERFACES, SECONDARY_SUBNET, VERSIONED_TAG


class SecondaryNetworkReference(Protocol):
    """A secondary network as pools need it: a `SecondaryNetwork`, or an `ImportedSecondaryNetwork`."""

    @property
    def plan(self) -> SecondaryNetworkPlan:
        """CIDR, zone and number of its subnets."""

    @property
    def subnet_ids(self) -> Sequence[str]:
        """Ids of its subnets, in their order (tokens)."""

    @property
    def service_token(self) -> str:
        """ARN of the function of `SecondaryNetworkProvider` (a token)."""


@dataclass(frozen=True, kw_only=True)
class ImportedSecondaryNetwork:
    """A secondary network of another stack.

    Attributes:
        plan: CIDR, zone and number of its subnets.
        subnet_ids: ids of its subnets, in their order; plain values or tokens.
        service_token: ARN of the function of `SecondaryNetworkProvider`; a plain value or a token.
    """

    plan: SecondaryNetworkPlan
    subnet_ids: Sequence[str]
    service_token: str


class SecondaryNetwork(Construct):
    """Secondary network (RDMA) and its subnets, in one zone: the network of nodes on RoCE.

    The network is `AWS::EC2::SecondaryNetwork`. CloudFormation has no type for its subnets and no secondary interfaces
    in launch templates, so a `SecondaryNetworkProvider` makes these. Not verified: nothing of it was run on AWS or on
    hardware, and AWS opens single accounts for it.

    Args:
        scope: parent.
        id: construct id.
        cidr: IPv4 CIDR of the network, /12 to /28, in equal parts its subnets'; a plain value. Apart from the VPC's.
        availability_zone: zone of its subnets.
        subnet_count: number of subnets: 1, 2, 4 or 8. Default: 8, one for each interface of a node.
        secondary_network_id: existing network of that CIDR. Default: one is made.
        removal_policy: of the network and its subnets. Default: they outlive the stack, but not a creation that failed:
            pools depend on them.

    Raises:
        FleetError: see `SecondaryNetworkPlan`; the network is to be made in a region whose CloudFormation hasn't it.
    """

    secondary_network_id: str
    """Id of the network (a token where it is made here)."""
    plan: SecondaryNetworkPlan
    """CIDR, zone and number of its subnets."""
    subnet_ids: Sequence[str]
    """Ids of its subnets, in their order (tokens)."""
    service_token: str
    """ARN of the function of its `SecondaryNetworkProvider` (a token)."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cidr: str,
        availability_zone: str,
        subnet_count: int = DEFAULT_SUBNETS,
        secondary_network_id: str | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        self.plan = SecondaryNetworkPlan(cidr=cidr, availability_zone=availability_zone, subnets=subnet_count)
        if secondary_network_id is None:
            if not cdk.Token.is_unresolved(stack.region):
                check_region_of_secondary_network(stack.region)
            network = cdk.CfnResource(
                self,
                "Resource",
                type="AWS::EC2::SecondaryNetwork",
                properties={
                    "Ipv4CidrBlock": cidr,
                    "NetworkType": "rdma",
                    "Tags": [{"Key": "Name", "Value": f"{stack.stack_name}-secondary"}],
                },
            )
            apply_removal_policy(network, removal_policy)
            cdk.Validations.of(network).acknowledge(
                cdk.Acknowledgment(
                    id="CloudFormation-Validate::F3006",
                    reason="the engine of aws-cdk-lib 2.276 doesn't know the type, which its own classes have",
                )
            )
            secondary_network_id = network.get_att("SecondaryNetworkId").to_string()
        self.secondary_network_id = secondary_network_id
        self.service_token = SecondaryNetworkProvider(self, "Provider").service_token
        self.subnet_ids = [
            self._subnet(number, part, removal_policy) for number, part in enumerate(self.plan.subnet_cidrs)
        ]
        cdk.Annotations.of(self).add_warning_v2(
            "ultrafleet:secondaryNetworkNotVerified",
            "secondary networks (RoCE) are not verified: nothing of it was run on AWS or on hardware, and AWS opens "
            "single accounts for them: ask your account team before a block is bought, then see "
            "`aws ec2 describe-secondary-networks` answer",
        )

    def _subnet(self, number: int, cidr: str, removal_policy: cdk.RemovalPolicy) -> str:
        subnet = cdk.CfnResource(
            self,
            f"Subnet-{number}",
            type=SECONDARY_SUBNET,
            properties={
                "ServiceToken": self.service_token,
                "SecondaryNetworkId": self.secondary_network_id,
                "Ipv4CidrBlock": cidr,
                "AvailabilityZone": self.plan.availability_zone,
                "Name": f"{cdk.Stack.of(self).stack_name}-secondary-{number}",
            },
        )
        apply_removal_policy(subnet, removal_policy)
        return subnet.ref


def secondary_interfaces_version(
    scope: Construct,
    id: str,
    *,
    launch_template: cdk.CfnResource,
    interfaces: Sequence[Interface],
    network: SecondaryNetworkReference,
) -> str:
    """Number of a launch template's version that has secondary interfaces beside what its newest plain version has.

    Args:
        scope: parent of the custom resource.
        id: construct id of the custom resource.
        launch_template: the launch template, which has the tag of `launch_template_tags`.
        interfaces: interfaces of a node; the secondary ones are added.
        network: the secondary network.

    Returns:
        A token.
    """
    numbers = network.plan.subnet_numbers(interfaces)
    resource = cdk.CfnResource(
        scope,
        id,
        type=SECONDARY_INTERFACES,
        properties={
            "ServiceToken": network.service_token,
            "LaunchTemplateId": launch_template.ref,
            # When CloudFormation makes a version, the function is called to make one from it.
            "LatestVersionNumber": launch_template.get_att("LatestVersionNumber").to_string(),
            "SecondaryInterfaces": [
                {
                    "NetworkCardIndex": interface.card,
                    "DeviceIndex": interface.device,
                    "InterfaceType": interface.interface_type,
                    "SecondarySubnetId": network.subnet_ids[number],
                }
                for interface, number in numbers.items()
            ],
        },
    )
    return resource.get_att("VersionNumber").to_string()


def launch_template_tags() -> list[dict[str, object]]:
    """`TagSpecifications` of a launch template that versions with secondary interfaces are made of.

    The provider's role may add versions to launch templates with this tag and to no others.
    """
    return [{"ResourceType": "launch-template", "Tags": [{"Key": VERSIONED_TAG, "Value": "true"}]}]
