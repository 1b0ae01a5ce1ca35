"""Reasons why keys of a ParallelCluster configuration aren't carried over."""

from typing import Final

from ultrafleet.importing.draft import Reasons

_QUEUE: Final = "not carried over: Kueue is the queue, without a head node"
_SCRIPT: Final = (
    "not carried over: EKS's image for the accelerator has its driver (NVIDIA or Neuron), EFA and containerd; what "
    "else the script did comes with containers, or as node.pre_bootstrap_script"
)
_IMAGE: Final = "not carried over: nodes run EKS's Amazon Linux 2023 image; node.image states one of your own"
_ROLE: Final = "not carried over: roles are made here, for the nodes and through EKS Pod Identity"

REASONS: Final = Reasons(
    {
        "HeadNode": _QUEUE,
        "LoginNodes": "not carried over: people use kubectl, through cluster.admin_role_arns and teams",
        "Scheduling.SlurmSettings": _QUEUE,
        "CustomSlurmSettings": _QUEUE,
        "JobExclusiveAllocation": "not carried over: jobs take whole nodes by what they ask for",
        "CustomActions": _SCRIPT,
        "CustomActions.OnNodeStart": _SCRIPT,
        "CustomActions.OnNodeConfigured": _SCRIPT,
        "Image": _IMAGE,
        "Image.CustomAmi": _IMAGE,
        "Iam": _ROLE,
        "Networking.AssignPublicIp": "not carried over: every subnet is private here",
        "Networking.SecurityGroups": "not carried over: security groups are made here",
        "Networking.AdditionalSecurityGroups": "not carried over: security groups are made here",
        "Networking.Proxy": "not carried over",
        "Efa.GdrSupport": "GPUDirect is on where the type has it",
        "DisableSimultaneousMultithreading": "not carried over: nodes keep their threads",
        "SchedulableMemory": "not carried over: the kubelet computes it",
        "HealthChecks": "node repair is on, and kubernetes.acceptance tests new nodes",
        "AllocationStrategy": "not carried over: a pool has one type",
        "SpotPrice": "not carried over",
        "DynamicNodePriority": _QUEUE,
        "StaticNodePriority": _QUEUE,
        "CapacityType": "a pool on demand",
        "Monitoring": "the dashboard and the alarms are the library's",
        "Imds": "IMDSv2 alone is on",
        "Tags": "not carried over: node.tags are those of a pool's nodes",
        "DirectoryService": "not carried over: people come in through IAM roles",
        "AdditionalPackages": "not carried over",
        "DevSettings": "not carried over",
        "DeploymentSettings": "not carried over",
        "RootVolume.Iops": "not carried over: node.root_volume_iops states it",
        "RootVolume.Throughput": "not carried over: node.root_volume_throughput_mibps states it",
        "Ssh": "not carried over: nodes take no SSH; cluster.ssm_sessions: true opens shells through Session Manager",
        "AwsBatchQueues": "not carried over",
        "SchedulerDefinition": "not carried over",
    },
    "not carried over: the environment has nothing like it",
)
"""By the end of a path."""
