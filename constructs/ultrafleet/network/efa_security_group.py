"""The security group that lets EFA traffic through."""

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct


class EfaSecurityGroup(Construct):
    """A security group whose members reach one another over EFA.

    EFA needs rules that refer to the group itself, for all protocols, **in both directions**; an egress rule to
    0.0.0.0/0 does not count (EFA user guide, high). CDK's `SecurityGroup` drops the second one, so the rules are
    separate resources here.

    Args:
        scope: parent.
        id: construct id.
        vpc: VPC of the nodes; EFA traffic doesn't leave it.
        egress_cidrs: networks that nodes may call on any port, for images and AWS endpoints. Default: everywhere, as
            the route tables let them.
    """

    security_group_id: str
    """Id of the group (a token)."""
    security_group: ec2.ISecurityGroup
    """The group, for pools and other constructs; nothing adds rules to it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name CDK gives it
        *,
        vpc: ec2.IVpc,
        egress_cidrs: Sequence[str] = ("0.0.0.0/0",),
    ) -> None:
        super().__init__(scope, id)
        group = ec2.CfnSecurityGroup(
            self,
            "Resource",
            group_description="EFA traffic between accelerator nodes",
            vpc_id=vpc.vpc_id,
            security_group_egress=[
                {"ipProtocol": "-1", "cidrIp": cidr, "description": "images and AWS endpoints"} for cidr in egress_cidrs
            ],
        )
        self.security_group_id = group.attr_group_id
        ec2.CfnSecurityGroupIngress(
            self,
            "FromItself",
            group_id=self.security_group_id,
            source_security_group_id=self.security_group_id,
            ip_protocol="-1",
            description="EFA from nodes of this group",
        )
        ec2.CfnSecurityGroupEgress(
            self,
            "ToItself",
            group_id=self.security_group_id,
            destination_security_group_id=self.security_group_id,
            ip_protocol="-1",
            description="EFA to nodes of this group",
        )
        self.security_group = ec2.SecurityGroup.from_security_group_id(
            self, "Imported", self.security_group_id, mutable=False
        )
