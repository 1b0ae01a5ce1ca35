"""The bare rival: the same launch templates and node groups from `CfnResource` and literals: `bare.py POOLS`.

What it says of a rack is written out by hand, so it computes nothing and checks nothing. 25 pools a stack.
"""

import sys

import aws_cdk as cdk

POOLS_A_STACK = 25

USER_DATA = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="ULTRAFLEET"

--ULTRAFLEET
Content-Type: application/node.eks.aws

{
  "apiVersion": "node.eks.aws/v1alpha1",
  "kind": "NodeConfig",
  "spec": {
    "kubelet": {
      "config": {
        "maxPods": 64
      }
    },
    "instance": {
      "localStorage": {
        "strategy": "RAID0"
      }
    }
  }
}

--ULTRAFLEET
Content-Type: text/cloud-boothook

#!/bin/bash
# EFA GPUDirect on GB200 and GB300 with the 580 driver; check it in /proc/driver/nvidia/params.
cat > /etc/modprobe.d/ultrafleet-grdma.conf <<'CONF'
options nvidia NVreg_GrdmaPciTopoCheckOverride=1
CONF

--ULTRAFLEET
Content-Type: text/cloud-boothook

#!/bin/bash
# ComputeDomains bring their own IMEX daemon.
systemctl mask --now nvidia-imex.service

--ULTRAFLEET--
"""
REPAIRS = [
    ("FabricManagerNotRunning", "NoAction"),
    ("NvidiaDeviceCountMismatch", "NoAction"),
    ("NvidiaFabricError", "NoAction"),
    ("NvidiaNVLinkError", "NoAction"),
    ("NvidiaXID119Error", "Reboot"),
    ("NvidiaXID120Error", "Reboot"),
    ("NvidiaXID136Error", "NoAction"),
    ("NvidiaXID155Error", "NoAction"),
    ("NvidiaXID48Error", "Reboot"),
    ("NvidiaXID63Error", "Reboot"),
    ("NvidiaXID64Error", "Reboot"),
    ("NvidiaXID74Error", "NoAction"),
    ("NvidiaXID79Error", "Replace"),
    ("NvidiaXID95Error", "Reboot"),
]
GROUPS = ["sg-0aaaaaaaaaaaaaaa1", "sg-0aaaaaaaaaaaaaaa2"]


def add_pool(stack: cdk.Stack, number: int) -> None:
    pool = f"rack-{number:04}"
    name = f"{pool}-cr-{number:017x}"
    tags = [{"Key": "Name", "Value": f"fleet-{name}"}]
    template = cdk.CfnResource(
        stack,
        f"{name}-template",
        type="AWS::EC2::LaunchTemplate",
        properties={
            "LaunchTemplateName": f"fleet-{name}",
            "LaunchTemplateData": {
                "InstanceType": "p6e-gb200.36xlarge",
                "CapacityReservationSpecification": {
                    "CapacityReservationTarget": {"CapacityReservationId": f"cr-{number:017x}"}
                },
                "InstanceMarketOptions": {"MarketType": "capacity-block"},
                "NetworkInterfaces": [
                    {
                        "NetworkCardIndex": card,
                        "DeviceIndex": 0,
                        "InterfaceType": "efa-only" if card else "interface",
                        "Groups": GROUPS,
                        "DeleteOnTermination": True,
                    }
                    for card in (0, 1, 5, 9, 13)
                ],
                "MetadataOptions": {"HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1, "HttpTokens": "required"},
                "BlockDeviceMappings": [
                    {
                        "DeviceName": "/dev/xvda",
                        "Ebs": {
                            "DeleteOnTermination": True,
                            "Encrypted": True,
                            "VolumeSize": 100,
                            "VolumeType": "gp3",
                        },
                    }
                ],
                "TagSpecifications": [
                    {"ResourceType": kind, "Tags": tags} for kind in ("instance", "network-interface", "volume")
                ],
                "UserData": {"Fn::Base64": {"Fn::Join": ["\n", USER_DATA.split("\n")]}},
            },
        },
    )
    cdk.CfnResource(
        stack,
        f"{name}-nodes",
        type="AWS::EKS::Nodegroup",
        properties={
            "AmiType": "AL2023_ARM_64_NVIDIA",
            "CapacityType": "CAPACITY_BLOCK",
            "ClusterName": "fleet",
            "Labels": {
                "ultrafleet/pool": pool,
                "ultrafleet/workload": "training",
                "ultrafleet/capacity": "u-p6e-gb200x72",
                "ultrafleet/ultraserver": name,
                "nvidia.com/gpu.present": "true",
            },
            "LaunchTemplate": {"Id": template.ref, "Version": "1"},
            "NodeRepairConfig": {
                "Enabled": True,
                "MaxParallelNodesRepairedCount": 1,
                "MaxUnhealthyNodeThresholdPercentage": 20,
                "NodeRepairConfigOverrides": [
                    {
                        "NodeMonitoringCondition": "AcceleratedHardwareReady",
                        "NodeUnhealthyReason": reason,
                        "MinRepairWaitTimeMins": 10,
                        "RepairAction": action,
                    }
                    for reason, action in REPAIRS
                ],
            },
            "NodeRole": "arn:aws:iam::111122223333:role/node",
            "NodegroupName": name,
            "ScalingConfig": {"MaxSize": 18, "MinSize": 0},
            "Subnets": ["subnet-0aaaaaaaaaaaaaaa1"],
            "Tags": {
                "ultrafleet:capacity-reservation": f"cr-{number:017x}",
                "ultrafleet:drain-lead-minutes": "90",
                "ultrafleet:schedule": "capacity-blocks",
            },
            "Taints": [{"Effect": "NO_SCHEDULE", "Key": "nvidia.com/gpu", "Value": "true"}],
            "UpdateConfig": {"MaxUnavailable": 1, "UpdateStrategy": "MINIMAL"},
        },
    )


pools = int(sys.argv[1])
app = cdk.App(analytics_reporting=False)
for first in range(0, pools, POOLS_A_STACK):
    stack = cdk.Stack(app, f"Pools{first:04}", env=cdk.Environment(account="111122223333", region="us-east-1"))
    for number in range(first, min(first + POOLS_A_STACK, pools)):
        add_pool(stack, number)
app.synth()
