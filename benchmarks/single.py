"""UltraServer pools of one block, each a construct of its own: `single.py POOLS`, 25 pools a stack.

It makes what the bare program makes: a launch template and a node group for each.
"""

import sys
from datetime import UTC, datetime

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from ultrafleet.capacity import CapacityBlock
from ultrafleet.catalog import UltraServerType
from ultrafleet.pools import ImportedCluster, UltraServerPool

POOLS_A_STACK = 25

pools = int(sys.argv[1])

app = cdk.App(analytics_reporting=False)
for first in range(0, pools, POOLS_A_STACK):
    stack = cdk.Stack(app, f"Pools{first:04}", env=cdk.Environment(account="111122223333", region="us-east-1"))
    cluster = ImportedCluster(cluster_name="fleet", cluster_security_group_id="sg-0aaaaaaaaaaaaaaa1")
    efa = ec2.SecurityGroup.from_security_group_id(stack, "Efa", "sg-0aaaaaaaaaaaaaaa2", mutable=False)
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/node", mutable=False)
    subnet = ec2.Subnet.from_subnet_attributes(
        stack, "Subnet", subnet_id="subnet-0aaaaaaaaaaaaaaa1", availability_zone="us-east-1-dfw-2a"
    )
    for number in range(first, min(first + POOLS_A_STACK, pools)):
        name = f"rack-{number:04}"
        UltraServerPool(
            stack,
            name,
            cluster=cluster,
            pool_name=name,
            ultraserver_type=UltraServerType.U_P6E_GB200X72,
            blocks=[
                CapacityBlock.from_ultraserver_reservation(
                    capacity_reservation_id=f"cr-{number:017x}",
                    ultraserver_type=UltraServerType.U_P6E_GB200X72,
                    availability_zone="us-east-1-dfw-2a",
                    start=datetime(2026, 12, 1, 11, 30, tzinfo=UTC),
                    end=datetime(2026, 12, 15, 11, 30, tzinfo=UTC),
                )
            ],
            subnet=subnet,
            security_groups=[efa],
            node_role=role,
        )
app.synth()
