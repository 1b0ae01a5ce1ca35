"""The idiomatic L2 program: a cluster of `eks_v2`, `add_nodegroup_capacity`, a launch template: `idiomatic.py POOLS`.

25 pools a cluster. It can't express P6e (the L2 raises on its name), so the instance type stands in the template.
"""

import sys

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks

POOLS_A_CLUSTER = 25

pools = int(sys.argv[1])
app = cdk.App(analytics_reporting=False)
for first in range(0, pools, POOLS_A_CLUSTER):
    stack = cdk.Stack(app, f"Pools{first:04}", env=cdk.Environment(account="111122223333", region="us-east-1"))
    cluster = eks.Cluster(
        stack,
        "Cluster",
        version=eks.KubernetesVersion.V1_34,
        default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
        default_capacity=0,
    )
    efa = ec2.SecurityGroup(stack, "Efa", vpc=cluster.vpc)
    for number in range(first, min(first + POOLS_A_CLUSTER, pools)):
        name = f"rack-{number:04}"
        template = ec2.CfnLaunchTemplate(
            stack,
            f"{name}-template",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                instance_type="p6e-gb200.36xlarge",
                instance_market_options=ec2.CfnLaunchTemplate.InstanceMarketOptionsProperty(
                    market_type="capacity-block"
                ),
                capacity_reservation_specification=ec2.CfnLaunchTemplate.CapacityReservationSpecificationProperty(
                    capacity_reservation_target=ec2.CfnLaunchTemplate.CapacityReservationTargetProperty(
                        capacity_reservation_id=f"cr-{number:017x}"
                    )
                ),
                network_interfaces=[
                    ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
                        network_card_index=card,
                        device_index=0,
                        interface_type="efa-only" if card else "interface",
                        groups=[cluster.cluster_security_group_id, efa.security_group_id],
                        delete_on_termination=True,
                    )
                    for card in (0, 1, 5, 9, 13)
                ],
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                    http_tokens="required", http_put_response_hop_limit=2
                ),
                block_device_mappings=[
                    ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
                        device_name="/dev/xvda",
                        ebs=ec2.CfnLaunchTemplate.EbsProperty(encrypted=True, volume_size=100, volume_type="gp3"),
                    )
                ],
            ),
        )
        cluster.add_nodegroup_capacity(
            name,
            nodegroup_name=name,
            ami_type=eks.NodegroupAmiType.AL2023_ARM_64_NVIDIA,
            capacity_type=eks.CapacityType.CAPACITY_BLOCK,
            min_size=0,
            max_size=18,
            desired_size=0,
            launch_template_spec=eks.LaunchTemplateSpec(id=template.ref, version="1"),
            subnets=ec2.SubnetSelection(subnets=[cluster.vpc.private_subnets[0]]),
            labels={"ultrafleet/pool": name},
            taints=[eks.TaintSpec(key="nvidia.com/gpu", value="true", effect=eks.TaintEffect.NO_SCHEDULE)],
        )
app.synth()
