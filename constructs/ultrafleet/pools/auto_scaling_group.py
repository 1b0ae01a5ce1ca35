"""Auto Scaling group of self-managed nodes of one block, or of a pool without blocks, as plain CloudFormation.

See docs/decisions/0039-self-managed-pools.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ultrafleet.kubernetes.taint import Taint
from ultrafleet.rules.block_clock import EVICTION_MINUTES
from ultrafleet.rules.self_managed import CLUSTER_TAG, node_label_flag, node_taint_flag, owned_tag

DRAIN_HOOK: Final = "drain"
"""Lifecycle hook that holds an instance which leaves, while what runs on it is evicted."""


def auto_scaling_group_properties(
    *,
    name: str,
    cluster_name: str,
    launch_template_id: Any,  # noqa: ANN401 - text or a token
    launch_template_version: str,
    subnet_id: str,
    max_size: int,
    desired_size: int | None,
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """Properties of an `AWS::AutoScaling::AutoScalingGroup`.

    It has no update policy, so that a deployment replaces no node: nodes run the version that they were launched with
    until they are replaced. Nodes aren't protected from scale-in, because the drain is one: the group would lower its
    desired size and keep them (EC2 Auto Scaling user guide, instance scale-in protection, high).

    Args:
        name: name of the group.
        cluster_name: cluster that its nodes join.
        launch_template_id: of its launch template.
        launch_template_version: version that new nodes are launched with.
        subnet_id: the subnet of its nodes.
        max_size: nodes at full size.
        desired_size: size that the template states. None: none, and the group begins with its least size, which is 0
            (CreateAutoScalingGroup API, high).
        tags: of the group.
    """
    stated = {} if desired_size is None else {"DesiredCapacity": str(desired_size)}
    return {
        "AutoScalingGroupName": name,
        "MinSize": "0",
        "MaxSize": str(max_size),
        **stated,
        "VPCZoneIdentifier": [subnet_id],
        "LaunchTemplate": {"LaunchTemplateId": launch_template_id, "Version": launch_template_version},
        "LifecycleHookSpecificationList": [
            {
                "LifecycleHookName": DRAIN_HOOK,
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
                # As long as EKS evicts the nodes of a managed group, so that the drain lead is the same.
                "HeartbeatTimeout": EVICTION_MINUTES * 60,
                "DefaultResult": "CONTINUE",
            }
        ],
        "NewInstancesProtectedFromScaleIn": False,
        "Tags": own_group_tags(cluster_name, tags),
    }


def own_group_tags(cluster_name: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tags of the group, of which its instances get the cluster's alone; their others are the launch template's.

    Args:
        cluster_name: cluster that its nodes join.
        tags: others of the group.
    """
    own = {**tags, CLUSTER_TAG: cluster_name}
    return [
        *({"Key": key, "Value": value, "PropagateAtLaunch": False} for key, value in sorted(own.items())),
        {"Key": owned_tag(cluster_name), "Value": "owned", "PropagateAtLaunch": True},
    ]


def registration_flags(labels: Mapping[str, str], taints: Sequence[Taint]) -> list[str]:
    """Flags by which the kubelet registers a node with labels and taints, which EKS would set on a managed node.

    Args:
        labels: labels of the node.
        taints: taints of the node.
    """
    tolerations = [taint.toleration for taint in taints]
    return [node_label_flag(labels), *([node_taint_flag(tolerations)] if tolerations else [])]
