"""VPC endpoints: S3 by gateway, other services by interface in regular zones."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ultrafleet.network._rules import NO_TRAFFIC

_HTTPS = 443


class NetworkEndpoints(Construct):
    """A gateway endpoint for S3, free of charge, and interface endpoints behind one security group.

    Interface endpoints are in regular zones only: none can be made in a Local Zone, whose nodes reach them across the
    VPC. Each costs by the hour and zone.

    Args:
        scope: parent.
        id: construct id.
        vpc_id: VPC.
        vpc_cidr: CIDR that may call the endpoints.
        secondary_cidrs: further CIDRs that may. Default: none.
        services: AWS services by their short names, such as `ecr.api`.
        subnet_ids: one subnet for each zone.
        route_table_id: table that gets the route to S3.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc_id: str,
        vpc_cidr: str,
        secondary_cidrs: Sequence[str] = (),
        services: Sequence[str],
        subnet_ids: Sequence[str],
        route_table_id: str,
    ) -> None:
        super().__init__(scope, id)
        prefix = f"com.amazonaws.{cdk.Stack.of(self).region}"
        ec2.CfnVPCEndpoint(
            self,
            "s3",
            vpc_id=vpc_id,
            service_name=f"{prefix}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[route_table_id],
        )
        if not services:
            return
        group = ec2.CfnSecurityGroup(
            self,
            "SecurityGroup",
            group_description="HTTPS to the interface endpoints",
            vpc_id=vpc_id,
            security_group_ingress=[
                {
                    "ipProtocol": "tcp",
                    "fromPort": _HTTPS,
                    "toPort": _HTTPS,
                    "cidrIp": cidr,
                    "description": "HTTPS from the VPC",
                }
                for cidr in (vpc_cidr, *secondary_cidrs)
            ],
            security_group_egress=[NO_TRAFFIC],  # endpoints only answer
        )
        for service in services:
            ec2.CfnVPCEndpoint(
                self,
                service,
                vpc_id=vpc_id,
                service_name=f"{prefix}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(subnet_ids),
                security_group_ids=[group.attr_group_id],
            )
