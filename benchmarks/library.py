"""UltraServer pools of one block with this library, a construct a stack: `library.py POOLS`, 25 pools a stack.

It makes what the bare program makes: a launch template and a node group for each. `single.py` makes a construct a pool.
"""

import sys
from datetime import UTC, datetime

import aws_cdk as cdk

from ultrafleet.capacity import CapacityBlock
from ultrafleet.catalog import UltraServerType
from ultrafleet.pools import ImportedCluster, ImportedSubnet, UltraServerPools

POOLS_A_STACK = 25
ZONE = "us-east-1-dfw-2a"


def block(number: int) -> CapacityBlock:
    return CapacityBlock.from_ultraserver_reservation(
        capacity_reservation_id=f"cr-{number:017x}",
        ultraserver_type=UltraServerType.U_P6E_GB200X72,
        availability_zone=ZONE,
        start=datetime(2026, 12, 1, 11, 30, tzinfo=UTC),
        end=datetime(2026, 12, 15, 11, 30, tzinfo=UTC),
    )


pools = int(sys.argv[1])

app = cdk.App(analytics_reporting=False)
for first in range(0, pools, POOLS_A_STACK):
    stack = cdk.Stack(app, f"Pools{first:04}", env=cdk.Environment(account="111122223333", region="us-east-1"))
    UltraServerPools(
        stack,
        "Racks",
        cluster=ImportedCluster(cluster_name="fleet", cluster_security_group_id="sg-0aaaaaaaaaaaaaaa1"),
        ultraserver_type=UltraServerType.U_P6E_GB200X72,
        pools={f"rack-{number:04}": [block(number)] for number in range(first, min(first + POOLS_A_STACK, pools))},
        subnet=ImportedSubnet(subnet_id="subnet-0aaaaaaaaaaaaaaa1", availability_zone=ZONE),
        security_groups=["sg-0aaaaaaaaaaaaaaa2"],
        node_role="arn:aws:iam::111122223333:role/node",
    )
app.synth()
