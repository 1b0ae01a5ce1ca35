"""EBS volumes of a node: the root volume's performance, and volumes besides it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.limits import (
    GP3_IOPS,
    GP3_IOPS_MINIMUM,
    GP3_IOPS_PER_GIB,
    GP3_IOPS_PER_MIBPS,
    GP3_THROUGHPUT_MIBPS,
    GP3_THROUGHPUT_MINIMUM_MIBPS,
    GP3_VOLUME_GIB,
)
from ultrafleet.errors import FleetError

ROOT_DEVICE: Final = "/dev/xvda"
"""Root device of the Amazon Linux 2023 AMIs of EKS (awslabs/amazon-eks-ami, high)."""
_DEVICE: Final = re.compile(r"/dev/(xvd|sd)[b-z]")
_SNAPSHOT: Final = re.compile(r"snap-[0-9a-f]{8,17}")
_ROOT: Final = 1


@dataclass(frozen=True, kw_only=True)
class NodeVolume:
    """Encrypted gp3 volume of a node besides its root volume; nothing formats or mounts it but a script of yours.

    Attributes:
        device_name: `/dev/xvdb` to `/dev/xvdz`, or `/dev/sdb` to `/dev/sdz`. On the node it is an NVMe device.
        size_gib: size in GiB.
        iops: I/O operations a second. Default: 3,000, which every gp3 volume has.
        throughput_mibps: throughput in MiB a second. Default: 125, which every gp3 volume has.
        snapshot_id: snapshot that it is made from. Default: none, it is empty.
        key_arn: ARN of the customer key. Default: the AWS-managed key of EBS.

    Raises:
        FleetError: a malformed name or id, or a value that no gp3 volume has.
    """

    device_name: str
    size_gib: int
    iops: int | None = None
    throughput_mibps: int | None = None
    snapshot_id: str | None = None
    key_arn: str | None = None

    def __post_init__(self) -> None:
        if not _DEVICE.fullmatch(self.device_name):
            raise FleetError(
                path="device_name",
                got=repr(self.device_name),
                expected="/dev/xvdb to /dev/xvdz, or /dev/sdb to /dev/sdz",
                remedy=f"{ROOT_DEVICE} is the root volume, for which there are settings of their own"
                if self.device_name == ROOT_DEVICE
                else "name another device",
            )
        if not 1 <= self.size_gib <= GP3_VOLUME_GIB.value:
            raise FleetError(
                path=f"size_gib of {self.device_name}",
                got=self.size_gib,
                expected=f"1 to {GP3_VOLUME_GIB.value:,}",
                remedy="state another size",
            )
        if self.snapshot_id is not None and not _SNAPSHOT.fullmatch(self.snapshot_id):
            raise FleetError(
                path=f"snapshot_id of {self.device_name}",
                got=repr(self.snapshot_id),
                expected="snap- and 8 to 17 hexadecimal digits",
                remedy="copy the id that `aws ec2 describe-snapshots` shows",
            )
        validate_gp3_performance(
            self.device_name, size_gib=self.size_gib, iops=self.iops, throughput_mibps=self.throughput_mibps
        )


def validate_gp3_performance(volume: str, *, size_gib: int, iops: int | None, throughput_mibps: int | None) -> None:
    """Refuse performance that no gp3 volume has.

    Args:
        volume: the volume, for the error.
        size_gib: size in GiB.
        iops: I/O operations a second. Default: None, not stated.
        throughput_mibps: throughput in MiB a second. Default: None, not stated.

    Raises:
        FleetError: it is out of range, more IOPS than the size gives, or more throughput than the IOPS give.
    """
    for name, value, least, most in (
        ("iops", iops, GP3_IOPS_MINIMUM.value, GP3_IOPS.value),
        ("throughput_mibps", throughput_mibps, GP3_THROUGHPUT_MINIMUM_MIBPS.value, GP3_THROUGHPUT_MIBPS.value),
    ):
        if value is not None and not least <= value <= most:
            raise FleetError(
                path=f"{name} of {volume}",
                got=value,
                expected=f"{least:,} to {most:,}, which gp3 volumes have",
                remedy="state another value, or leave it out",
            )
    own, least = iops or GP3_IOPS_MINIMUM.value, GP3_IOPS_MINIMUM.value
    most = max(least, size_gib * GP3_IOPS_PER_GIB.value)
    if own > most:
        raise FleetError(
            path=f"iops of {volume}",
            got=own,
            expected=f"at most {most:,}, which {size_gib:,} GiB give",
            remedy=f"make it {-(-own // GP3_IOPS_PER_GIB.value):,} GiB or more, or state fewer: no node would launch",
        )
    if throughput_mibps is not None and throughput_mibps * GP3_IOPS_PER_MIBPS.value > own:
        raise FleetError(
            path=f"throughput_mibps of {volume}",
            got=throughput_mibps,
            expected=f"at most {own // GP3_IOPS_PER_MIBPS.value:,}, which {own:,} IOPS give",
            remedy=f"state {throughput_mibps * GP3_IOPS_PER_MIBPS.value:,} IOPS or more, or less throughput: no node "
            "would launch",
        )


def validate_volumes(instance_type: InstanceType, volumes: Sequence[NodeVolume]) -> None:
    """Refuse volumes that can't be attached together.

    Args:
        instance_type: type of the nodes.
        volumes: volumes besides the root volume.

    Raises:
        FleetError: two of one device, or more than the type takes.
    """
    names = [volume.device_name.replace("/dev/sd", "/dev/xvd") for volume in volumes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FleetError(
            path="volumes",
            verb="name",
            got=f"{twice[0]} twice",
            expected="each device once (/dev/sdb is /dev/xvdb)",
            remedy="name another device",
        )
    most = instance_type.ebs_max_attachments
    if most is not None and len(volumes) + _ROOT > most:
        raise FleetError(
            path="volumes",
            verb="are",
            got=f"{len(volumes)} and the root volume",
            expected=f"at most {most} together on {instance_type}",
            remedy="state fewer",
        )
