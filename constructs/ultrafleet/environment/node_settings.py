"""Settings by which people bring their own to the nodes of a pool: scripts, mirrors, volumes, keys, images, taints."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from pydantic import Field, field_validator

from ultrafleet.environment.collected import Found, raised
from ultrafleet.environment.fields import Settings
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.taint import Taint
from ultrafleet.rules.node_image import NodeImage
from ultrafleet.rules.node_setup import NodeSetup
from ultrafleet.rules.node_volume import NodeVolume
from ultrafleet.rules.taint import validate_taint_key, validate_taint_value

_KEY_ARN: Final = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")


class TaintSettings(Settings):
    """Taint of a pool's nodes."""

    key: str = Field(examples=["example.com/dedicated"])
    """Key of the taint."""
    value: str = Field(default="true", examples=["research"])
    """Value of the taint."""
    effect: Literal["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"] = Field(
        default="NO_SCHEDULE", examples=["NO_EXECUTE"]
    )
    """Effect, in the words of the EKS API."""

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys."""
        yield raised(("key",), lambda: validate_taint_key(self.key))
        yield raised(("value",), lambda: validate_taint_value(self.value))


class NodeVolumeSettings(Settings):
    """Encrypted gp3 volume besides the root volume."""

    device_name: str = Field(examples=["/dev/xvdb"])
    """`/dev/xvdb` to `/dev/xvdz`; on the node it is an NVMe device, which a script of yours formats and mounts."""
    size_gib: int = Field(examples=[500], json_schema_extra={"unit": "GiB"})
    """Size in GiB, up to 65,536."""
    iops: int | None = Field(default=None, examples=[6000], json_schema_extra={"unit": "IOPS"})
    """I/O operations a second, 3,000 to 80,000. Default: EC2's, the least."""
    throughput_mibps: int | None = Field(default=None, examples=[500], json_schema_extra={"unit": "MiB/s"})
    """Throughput in MiB a second, 125 to 2,000. Default: EC2's, the least."""
    snapshot_id: str | None = Field(default=None, examples=["snap-0123456789abcdef0"])
    """Snapshot that it is made from. Default: none, it is empty."""
    key_arn: str | None = Field(
        default=None, examples=["arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"]
    )
    """Customer key, which Auto Scaling's service-linked role may use. Default: the AWS-managed key."""

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield raised(("key_arn",), lambda: _check_key_arn("key_arn", self.key_arn))
        yield self._faults_of_the_volume()

    def _faults_of_the_volume(self) -> Iterator[Found]:
        try:
            self.volume()
        except FleetError as error:
            yield (str(error.path).split()[0],), error

    def volume(self) -> NodeVolume:
        """The volume, checked."""
        return NodeVolume(
            device_name=self.device_name,
            size_gib=self.size_gib,
            iops=self.iops,
            throughput_mibps=self.throughput_mibps,
            snapshot_id=self.snapshot_id,
            key_arn=self.key_arn,
        )


class NodeImageSettings(Settings):
    """AMI of your own, for which EKS adds nothing to the user data."""

    image_id: str = Field(examples=["ami-0123456789abcdef0"])
    """AMI of the nodes' architecture, with the driver of their accelerators."""
    api_server_endpoint: str | None = Field(
        default=None, examples=["https://0123456789ABCDEF.gr7.us-east-1.eks.amazonaws.com"]
    )
    """Address of the cluster's API server, for an image by the recipes of EKS. Default: none."""
    certificate_authority: str | None = Field(default=None, examples=["LS0tLS1CRUdJTi=="])
    """Certificate of the cluster, base64. Default: none."""
    service_cidr: str | None = Field(default=None, examples=["10.100.0.0/16"])
    """Service CIDR of the cluster. Default: none."""
    user_data: str | None = Field(default=None, examples=["#!/bin/bash\n/opt/join-cluster\n"])
    """The whole user data, for any other image. Default: none, it is written from the cluster's facts."""
    root_device_name: str = Field(default="/dev/xvda", examples=["/dev/sda1"])
    """Root device of the image."""

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield self._faults_of_the_image()

    def _faults_of_the_image(self) -> Iterator[Found]:
        try:
            self.image()
        except FleetError as error:
            yield (error.path,) if error.path in {"image_id", "service_cidr"} else (), error

    def image(self) -> NodeImage:
        """The image, checked."""
        return NodeImage(
            image_id=self.image_id,
            api_server_endpoint=self.api_server_endpoint,
            certificate_authority=self.certificate_authority,
            service_cidr=self.service_cidr,
            user_data=self.user_data,
            root_device_name=self.root_device_name,
        )


class OwnNodeSettings(Settings):
    """Settings of nodes that replace or extend what is derived."""

    taints: list[TaintSettings] | None = Field(default=None, examples=[[{"key": "example.com/dedicated"}]])
    """Kubernetes taints instead of the accelerator's usual one. Default: the usual one."""
    pre_bootstrap_script: str | None = Field(
        default=None, examples=["#!/bin/bash\nsysctl -w vm.max_map_count=262144\n"]
    )
    """Script that runs as root before containerd and the kubelet start. A failure of it doesn't keep the node from
    joining. Default: none."""
    containerd_config: str | None = Field(default=None, examples=["[plugins]\n"])
    """TOML that nodeadm merges over its own configuration of containerd. Default: none."""
    registry_mirrors: dict[str, list[str]] = Field(
        default={}, examples=[{"docker.io": ["https://mirror.example.com/v2/docker-hub"]}]
    )
    """HTTPS mirrors by the host of a registry (`_default`: every other); images come from the first that answers."""
    kubelet_flags: list[str] = Field(default=[], examples=[["--v=4"]])
    """Flags that nodeadm appends to those of the kubelet; labels, taints and pods have keys of their own."""
    root_volume_iops: int | None = Field(default=None, examples=[6000], json_schema_extra={"unit": "IOPS"})
    """I/O operations a second of the root volume, 3,000 to 80,000. Default: EC2's, the least."""
    root_volume_throughput_mibps: int | None = Field(default=None, examples=[500], json_schema_extra={"unit": "MiB/s"})
    """Throughput of the root volume in MiB a second, 125 to 2,000. Default: EC2's, the least."""
    root_volume_key_arn: str | None = Field(
        default=None, examples=["arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"]
    )
    """Customer key of the root volume, which Auto Scaling's service-linked role may use. Default: the AWS-managed
    key."""
    volumes: list[NodeVolumeSettings] = Field(default=[], examples=[[{"device_name": "/dev/xvdb", "size_gib": 500}]])
    """Encrypted volumes besides the root volume."""
    image: NodeImageSettings | None = Field(
        default=None, examples=[{"image_id": "ami-0123456789abcdef0", "user_data": "#!/opt/join-cluster"}]
    )
    """AMI of your own instead of EKS's. Default: EKS's for the type."""

    @field_validator("root_volume_key_arn")
    @classmethod
    def _check_root_key(cls, root_volume_key_arn: str | None) -> str | None:
        _check_key_arn("root_volume_key_arn", root_volume_key_arn)
        return root_volume_key_arn

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield raised(("pre_bootstrap_script",), lambda: NodeSetup(pre_bootstrap_script=self.pre_bootstrap_script))
        yield raised(("containerd_config",), lambda: NodeSetup(containerd_config=self.containerd_config))
        yield self._faults_of_mirrors()
        yield self._faults_of_flags()

    def _faults_of_mirrors(self) -> Iterator[Found]:
        for registry, mirrors in self.registry_mirrors.items():
            try:
                NodeSetup(registry_mirrors={registry: mirrors})
            except FleetError as error:
                yield ("registry_mirrors", registry), error

    def _faults_of_flags(self) -> Iterator[Found]:
        for index, flag in enumerate(self.kubelet_flags):
            try:
                NodeSetup(kubelet_flags=(flag,))
            except FleetError as error:
                yield ("kubelet_flags", index), error

    def setup(self) -> NodeSetup:
        """Set-up before a node joins, checked."""
        return NodeSetup(
            pre_bootstrap_script=self.pre_bootstrap_script,
            containerd_config=self.containerd_config,
            registry_mirrors=self.registry_mirrors,
            kubelet_flags=tuple(self.kubelet_flags),
        )

    def stated_taints(self) -> tuple[Taint, ...] | None:
        """Taints that the file states; None where it states none."""
        if self.taints is None:
            return None
        return tuple(Taint(key=taint.key, value=taint.value, effect=taint.effect) for taint in self.taints)


def _check_key_arn(name: str, arn: str | None) -> None:
    if arn is not None and not _KEY_ARN.fullmatch(arn):
        raise FleetError(
            path=name,
            got=repr(arn),
            expected="the ARN of a KMS key, such as arn:aws:kms:REGION:ACCOUNT:key/ID",
            remedy="an alias or an id alone doesn't say whose it is",
        )
