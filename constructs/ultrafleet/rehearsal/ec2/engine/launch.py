"""Launch of an instance: EC2's rules first, then moto."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from moto.core.types import Base64EncodedString
from moto.ec2.utils import filter_iam_instance_profiles

from ultrafleet.rehearsal.ec2.engine.interfaces import attach_interfaces, attach_secondary_interfaces
from ultrafleet.rehearsal.ec2.rules.launch import check, settled
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchFacts, LaunchRequest, facts_of
from ultrafleet.rehearsal.ec2.state.instances import Instance, Lifetime, Lifetimes, running, terminate
from ultrafleet.rehearsal.ec2.state.moto_backend import backend, specified_tags
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

_ROOT_GIB: Final = 20

__all__ = ["Instance", "LaunchRequest", "launch", "running", "terminate"]


def launch(request: LaunchRequest) -> str:
    """Launch an instance; injected faults apply.

    Returns:
        Its id.

    Raises:
        Refusal: an injected fault, or a rule of EC2.
    """
    SIMULATED_ACCOUNT.check_call("ec2", "RunInstances", about(request))
    return str(launched(request).id)


def launched(request: LaunchRequest) -> Any:
    """Launch an instance for a call that has been checked for faults.

    Raises:
        Refusal: a rule of EC2.
    """
    facts = settled(facts_of(request))
    check(facts)
    return _create(facts)


def about(request: LaunchRequest) -> dict[str, Any]:
    """Parameters of a launch for injected faults, as RunInstances spells them, and the tags of the instance."""
    specification = request.template.get("CapacityReservationSpecification") or {}
    return {
        "account": request.account_id,
        "region": request.region,
        "InstanceType": request.instance_type,
        "SubnetId": request.subnet_id,
        "CapacityReservationTarget": specification.get("CapacityReservationTarget") or {},
        "Tags": _tags(request),
    }


def _create(facts: LaunchFacts) -> Any:
    request, template = facts.request, facts.request.template
    store = backend(request.account_id, request.region)
    profile = _profile(request)
    primary = min(facts.interfaces, key=lambda interface: interface.at)
    held = store.run_instances(
        template.get("ImageId") or _image_id(request.ami_architecture),
        1,
        _user_data(template.get("UserData")),
        [],
        instance_type=request.instance_type,
        is_instance_type_default=False,
        region_name=request.region,
        subnet_id=request.subnet_id,
        security_group_ids=list(primary.groups),
        nics=[{"DeviceIndex": 0, "DeleteOnTermination": True, "AssociatePublicIpAddress": primary.public_ip}],
        key_name=template.get("KeyName"),
        metadata_options=template.get("MetadataOptions") or {},
        monitoring_state="enabled" if _true((template.get("Monitoring") or {}).get("Enabled")) else "disabled",
        ebs_optimized=_true(template.get("EbsOptimized")),
        block_device_mappings=_volumes(template),
        tags={"instance": _tags(request), "volume": specified_tags(template, "volume")},
    )
    instance = held.instances[0]
    attach_interfaces(instance, facts)
    attach_secondary_interfaces(instance, facts)
    instance.launch_time = SIMULATED_ACCOUNT.now
    instance.architecture = request.ami_architecture
    instance.placement.tenancy = facts.tenancy
    instance.placement.group_name = facts.placement_group.name if facts.placement_group is not None else ""
    if profile:
        store.associate_iam_instance_profile(instance_id=instance.id, **profile)
    _reserve(instance, facts)
    SIMULATED_ACCOUNT.part(Lifetimes, request.account_id, request.region).begin(
        Lifetime(
            instance_id=instance.id,
            instance_type=request.instance_type,
            subnet_id=request.subnet_id,
            availability_zone=facts.subnet.availability_zone,
            reservation_id=instance.capacity_reservation_id,
            launched=SIMULATED_ACCOUNT.now,
        )
    )
    return instance


def _reserve(instance: Any, facts: LaunchFacts) -> None:
    given = facts.request.template.get("CapacityReservationSpecification") or {}
    target = given.get("CapacityReservationTarget")
    instance.capacity_reservation_specification = (
        {"CapacityReservationTarget": dict(target)}
        if target
        else {"CapacityReservationPreference": facts.preference or "open"}
    )
    if facts.reservation is not None:
        instance.capacity_reservation_id = facts.reservation.id
        instance.capacity_block_id = facts.reservation.block_id
    if facts.market is not None:
        instance.lifecycle = facts.market


def _tags(request: LaunchRequest) -> dict[str, str]:
    return {**specified_tags(request.template, "instance"), **request.tags}


def _user_data(value: Any) -> Base64EncodedString | None:
    return Base64EncodedString(str(value)) if value else None


def _volumes(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Block devices of the template as moto reads them; a snapshot's values are generated."""
    found = []
    for item in template.get("BlockDeviceMappings") or [{"DeviceName": "/dev/xvda", "Ebs": {}}]:
        if item.get("Ebs") is None:
            continue
        ebs = item["Ebs"]
        volume = {
            "VolumeSize": int(ebs.get("VolumeSize") or _ROOT_GIB),
            "VolumeType": "gp3",
            "Encrypted": _true(ebs.get("Encrypted")),
            "DeleteOnTermination": _true(ebs.get("DeleteOnTermination", True)),
        }
        if volume["Encrypted"] and ebs.get("KmsKeyId"):
            volume["KmsKeyId"] = ebs["KmsKeyId"]
        found.append({"DeviceName": item["DeviceName"], "Ebs": volume})
    return found


def _profile(request: LaunchRequest) -> dict[str, str]:
    """Instance profile of the template, known to exist."""
    given = request.template.get("IamInstanceProfile") or {}
    found = {f"iam_instance_profile_{key.lower()}": given[key] for key in ("Name", "Arn") if given.get(key)}
    if found:
        filter_iam_instance_profiles(
            request.account_id,
            partition="aws",
            iam_instance_profile_arn=found.get("iam_instance_profile_arn"),
            iam_instance_profile_name=found.get("iam_instance_profile_name"),
        )
    return found


def _image_id(architecture: str) -> str:
    """Image id where the request names none, as when EKS provides the image."""
    return f"ami-{hashlib.sha256(architecture.encode()).hexdigest()[:17]}"


def _true(value: Any) -> bool:
    return str(value).lower() == "true"
