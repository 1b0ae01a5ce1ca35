"""`LaunchTemplateData` of an accelerator node, as plain CloudFormation."""

from collections.abc import Mapping, Sequence
from typing import Any

from ultrafleet.app_tags import tag_list
from ultrafleet.catalog import InstanceType
from ultrafleet.layout import Interface
from ultrafleet.pools.node_options import NodeOptions
from ultrafleet.rules.node_volume import ROOT_DEVICE, NodeVolume
from ultrafleet.rules.self_managed import SelfManagedNodes
from ultrafleet.rules.user_data import NodeUserData, validate_user_data_size


def launch_template_data(
    *,
    instance_type: InstanceType,
    options: NodeOptions,
    interfaces: Sequence[Interface],
    security_group_ids: Sequence[str],
    cluster_name: str,
    root_volume_key_arn: str | None = None,
    self_managed: SelfManagedNodes | None = None,
) -> dict[str, Any]:
    """Data of a launch template for a node group, but for the capacity that it launches into and its tags.

    Of a managed one it names no subnet or instance profile, and no image but one of the caller's own: EKS refuses them
    here or sets them itself (EKS user guide, high). Self-managed nodes have image and profile here, and user data of
    each group, see `user_data`.

    Args:
        instance_type: type of the nodes.
        options: what the caller chose.
        interfaces: network interfaces of a node.
        security_group_ids: on every interface; the cluster's own among them, since EKS adds it to no custom template.
        cluster_name: name of the cluster, which the user data of a custom image names.
        root_volume_key_arn: customer key of the root volume. Default: the AWS-managed key.
        self_managed: facts by which self-managed nodes join. Default: the node group is managed.
    """
    return {
        "InstanceType": str(instance_type),
        **_image(instance_type, options, self_managed),
        **({"IamInstanceProfile": {"Arn": self_managed.instance_profile_arn}} if self_managed is not None else {}),
        # Secondary ones are in another version of the template: CloudFormation doesn't have them.
        "NetworkInterfaces": [
            _interface(interface, security_group_ids) for interface in interfaces if not interface.is_secondary
        ],
        # IMDSv2 only. One hop ends at the node: an answer to a pod on its bridge needs two, and with it goes the node's
        # identity, which reads the tokens of every pod there. See docs/decisions/0005-cluster.md.
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": options.metadata_hop_limit,
            "HttpTokens": "required",
        },
        "BlockDeviceMappings": [_root_volume(options, root_volume_key_arn), *map(_volume, options.volumes)],
        **({"UserData": user_data(instance_type, options, cluster_name)} if self_managed is None else {}),
    }


def _image(instance_type: InstanceType, options: NodeOptions, self_managed: SelfManagedNodes | None) -> dict[str, str]:
    """Image that the template names: one of the caller's own, or EKS's for self-managed nodes."""
    if options.image is not None:
        return {"ImageId": options.image.image_id}
    if self_managed is None:
        return {}
    return {"ImageId": self_managed.image_reference(options.derived_ami_type(instance_type))}


def user_data(
    instance_type: InstanceType,
    options: NodeOptions,
    cluster_name: str,
    *,
    self_managed: SelfManagedNodes | None = None,
    registration_flags: Sequence[str] = (),
) -> dict[str, Any]:
    """User data of a node as the template has it: a line an item, so that a review shows which line changed.

    Args:
        instance_type: type of the node.
        options: what the caller chose.
        cluster_name: name of the cluster.
        self_managed: facts by which a self-managed node joins. Default: the node group is managed.
        registration_flags: flags of the kubelet of a self-managed node, for labels and taints.
    """
    text = _user_data(instance_type, options, cluster_name, self_managed, registration_flags)
    return {"Fn::Base64": {"Fn::Join": ["\n", text.split("\n")]}}


def _user_data(
    instance_type: InstanceType,
    options: NodeOptions,
    cluster_name: str,
    self_managed: SelfManagedNodes | None,
    registration_flags: Sequence[str],
) -> str:
    image = options.image
    if image is not None and image.user_data is not None:
        validate_user_data_size(image.user_data)
        return image.user_data
    return NodeUserData(
        max_pods=options.max_pods,
        raid0_instance_store=options.wants_raid0(instance_type),
        grdma_pci_topo_check_override=options.wants_grdma_override(instance_type),
        mask_imex=options.wants_imex_masked(instance_type),
        kubelet_config=dict(options.kubelet_config),
        setup=options.setup,
        cluster=_cluster_details(options, cluster_name, self_managed),
        registration_flags=registration_flags,
    ).render()


def _cluster_details(
    options: NodeOptions, cluster_name: str, self_managed: SelfManagedNodes | None
) -> Mapping[str, object] | None:
    """Cluster as nodeadm reads it, where EKS adds nothing to the user data."""
    if self_managed is not None:
        return self_managed.cluster_details(cluster_name)
    return options.image.cluster_details(cluster_name) if options.image is not None else None


def _root_volume(options: NodeOptions, key_arn: str | None) -> dict[str, Any]:
    return {
        "DeviceName": options.image.root_device_name if options.image is not None else ROOT_DEVICE,
        "Ebs": {
            "DeleteOnTermination": True,
            "Encrypted": True,
            **({"Iops": options.root_volume_iops} if options.root_volume_iops is not None else {}),
            **({"KmsKeyId": key_arn} if key_arn else {}),
            **(
                {"Throughput": options.root_volume_throughput_mibps}
                if options.root_volume_throughput_mibps is not None
                else {}
            ),
            "VolumeSize": options.root_volume_gib,
            "VolumeType": "gp3",
        },
    }


def _volume(volume: NodeVolume) -> dict[str, Any]:
    stated = {
        "Iops": volume.iops,
        "KmsKeyId": volume.key_arn,
        "SnapshotId": volume.snapshot_id,
        "Throughput": volume.throughput_mibps,
    }
    return {
        "DeviceName": volume.device_name,
        "Ebs": {
            "DeleteOnTermination": True,
            "Encrypted": True,
            **{name: value for name, value in stated.items() if value is not None},
            "VolumeSize": volume.size_gib,
            "VolumeType": "gp3",
        },
    }


def tag_specifications(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tags of what a launch makes: instances, their interfaces and volumes."""
    return [
        {"ResourceType": resource_type, "Tags": tag_list(tags)}
        for resource_type in ("instance", "network-interface", "volume")
    ]


def _interface(interface: Interface, security_group_ids: Sequence[str]) -> dict[str, Any]:
    return {
        "NetworkCardIndex": interface.card,
        "DeviceIndex": interface.device,
        "InterfaceType": interface.interface_type,
        "Groups": list(security_group_ids),
        "DeleteOnTermination": True,
    }


def capacity_block_target(capacity_reservation_id: str) -> dict[str, Any]:
    """Launch into a capacity block: a managed node group needs its reservation's id (EKS guide, high)."""
    return {
        "CapacityReservationSpecification": {
            "CapacityReservationTarget": {"CapacityReservationId": capacity_reservation_id}
        },
        "InstanceMarketOptions": {"MarketType": "capacity-block"},
    }


def on_demand_target(*, capacity_reservation_id: str | None, placement_group_name: str | None) -> dict[str, Any]:
    """Launch on demand: into a targeted reservation, a placement group, both or neither."""
    return {
        **(
            {
                "CapacityReservationSpecification": {
                    "CapacityReservationTarget": {"CapacityReservationId": capacity_reservation_id}
                }
            }
            if capacity_reservation_id
            else {}
        ),
        **({"Placement": {"GroupName": placement_group_name}} if placement_group_name else {}),
    }
