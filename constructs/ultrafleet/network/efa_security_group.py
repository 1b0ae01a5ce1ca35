"""The security group that lets EFA traffic through."""

import ipaddress
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ultrafleet.errors import FleetError
from ultrafleet.network._rules import NO_TRAFFIC
from ultrafleet.removal import apply_removal_policy
from ultrafleet.tokens import is_token


class EfaSecurityGroup(Construct):
    """A security group whose members reach one another over EFA.

    EFA needs rules that refer to the group itself, for all protocols, **in both directions**; an egress rule to
    0.0.0.0/0 does not count (EFA user guide, high). CDK's `SecurityGroup` drops the second one, so the rules are
    separate resources here.

    Args:
        scope: parent.
        id: construct id.
        vpc: VPC of the nodes; EFA traffic doesn't leave it.
        egress_cidrs: IPv4 networks that nodes may call on any port, for images and AWS endpoints. Default: everywhere,
            as the route tables let them. Empty: only nodes of the group.
        removal_policy: of the group and its rules. Default: they outlive the stack, but not a creation that failed:
            pools depend on them.

    Raises:
        FleetError: an egress network that is no IPv4 CIDR.
    """

    @classmethod
    def from_security_group_id(cls, scope: Construct, id: str, *, security_group_id: str) -> ec2.ISecurityGroup:
        """A group made elsewhere, with the rules that this class makes; nothing adds rules to it here."""
        return ec2.SecurityGroup.from_security_group_id(scope, id, security_group_id, mutable=False)

    security_group_id: str
    """Id of the group (a token)."""
    security_group: ec2.ISecurityGroup
    """The group, for pools and other constructs; nothing adds rules to it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc: ec2.IVpc,
        egress_cidrs: Sequence[str] = ("0.0.0.0/0",),
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        _validate(egress_cidrs)
        outbound = [
            {"ipProtocol": "-1", "cidrIp": cidr, "description": "images and AWS endpoints"} for cidr in egress_cidrs
        ]
        group = ec2.CfnSecurityGroup(
            self,
            "Resource",
            group_description="EFA traffic between accelerator nodes",
            vpc_id=vpc.vpc_id,
            security_group_egress=outbound or [NO_TRAFFIC],
        )
        self.security_group_id = group.attr_group_id
        ingress = ec2.CfnSecurityGroupIngress(
            self,
            "FromItself",
            group_id=self.security_group_id,
            source_security_group_id=self.security_group_id,
            ip_protocol="-1",
            description="EFA from nodes of this group",
        )
        egress = ec2.CfnSecurityGroupEgress(
            self,
            "ToItself",
            group_id=self.security_group_id,
            destination_security_group_id=self.security_group_id,
            ip_protocol="-1",
            description="EFA to nodes of this group",
        )
        for resource in (group, ingress, egress):
            apply_removal_policy(resource, removal_policy)
        self.security_group = self.from_security_group_id(self, "Imported", security_group_id=self.security_group_id)


def _validate(egress_cidrs: Sequence[str]) -> None:
    for cidr in egress_cidrs:
        if is_token(cidr):
            continue
        try:
            ipaddress.IPv4Network(cidr)
        except ValueError as error:
            raise FleetError(
                path="egress_cidrs",
                verb="has",
                got=repr(cidr),
                expected=f"IPv4 CIDRs such as 10.0.0.0/8 ({error})",
                remedy="correct it",
            ) from error
