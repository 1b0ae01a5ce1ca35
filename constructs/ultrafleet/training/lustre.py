"""A shared file system for training data and checkpoints."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_fsx as fsx
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ultrafleet.errors import FleetError
from ultrafleet.rules.lustre import validate_lustre_capacity
from ultrafleet.rules.zones import is_local_zone
from ultrafleet.tokens import is_token

LUSTRE_PORT: Final = 988  # FSx for Lustre user guide, file system access control (high)


@jsii.implements(ec2.IConnectable)
class LustreFileSystem(Construct):
    """FSx for Lustre, and an S3 bucket behind it.

    `PERSISTENT_2` on SSD, encrypted with the AWS-managed key, LZ4 compression. What is in the bucket appears under
    `/data`, is read when it is opened first, and goes from there when it goes from the bucket. Nothing goes back unless
    it is asked for: whoever mounts the file system writes and deletes with the rights of FSx, not of a job's role.

    Nodes mount it over TCP. EFA reaches it from nodes in its own availability zone and needs a Lustre client with EFA
    on them, which no EKS image is documented to bring.

    Args:
        scope: parent.
        id: construct id.
        subnet: one subnet, in the zone of the nodes that use it most. Local Zones are refused.
        security_groups: groups of the nodes' interfaces, which let all traffic pass among themselves: the one of
            `EfaSecurityGroup`. Lustre's ports (988, 1018 to 1023) and EFA are in that.
        capacity_gib: storage; see `EFA_STORAGE_STEP_GIB`.
        throughput_mbps_per_tib: 125, 250, 500 or 1000. Default: 1000.
        efa: serve EFA, where the nodes have the client for it. Create-only. Default: False.
        data_repository: bucket behind `/data`. Default: none.
        data_prefix: prefix in that bucket. Default: all of it.
        export_to_bucket: write new and changed files under `/data` to the bucket, over what is there; a file that is
            deleted stays in the bucket. Turn on versions in that bucket first. Default: False.
        removal_policy: of the file system. Default: it outlives the stack, but not a creation that failed.

    Raises:
        FleetError: a Local Zone, a capacity or throughput that FSx doesn't take, no security group, an export without a
            bucket.
    """

    file_system: fsx.CfnFileSystem
    """`AWS::FSx::FileSystem`."""
    file_system_id: str
    """Id (a token)."""
    dns_name: str
    """Name to mount (a token)."""
    mount_name: str
    """Name of the file system at that address (a token)."""
    capacity_gib: int
    """Storage in GiB."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        subnet: ec2.ISubnet,
        security_groups: Sequence[ec2.ISecurityGroup],
        capacity_gib: int,
        throughput_mbps_per_tib: int = 1000,
        efa: bool = False,
        data_repository: s3.IBucket | None = None,
        data_prefix: str = "",
        export_to_bucket: bool = False,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        zone = subnet.availability_zone
        if not is_token(zone) and is_local_zone(zone):
            raise FleetError(
                path="the subnet of the file system",
                got=f"in the Local Zone {zone}",
                expected="an Availability Zone",
                remedy=(
                    "no source states that FSx for Lustre is there; nodes in it mount a file system of the "
                    "region over TCP"
                ),
            )
        if not security_groups:
            raise FleetError(
                path="security_groups",
                got="empty",
                expected="the nodes' groups",
                remedy="without them no node can mount it",
            )
        if export_to_bucket and data_repository is None:
            raise FleetError(
                path="export_to_bucket",
                got="true without a data_repository",
                expected="the bucket that files are written to",
                remedy="pass data_repository",
            )
        if not cdk.Token.is_unresolved(capacity_gib):
            validate_lustre_capacity(capacity_gib, throughput_mbps_per_tib=throughput_mbps_per_tib, efa=efa)
        self.file_system = fsx.CfnFileSystem(
            self,
            "Resource",
            file_system_type="LUSTRE",
            file_system_type_version="2.15",  # what EFA needs (FSx for Lustre user guide, medium)
            storage_type="SSD",
            storage_capacity=capacity_gib,
            subnet_ids=[subnet.subnet_id],
            security_group_ids=[group.security_group_id for group in security_groups],
            lustre_configuration={
                "deploymentType": "PERSISTENT_2",
                "perUnitStorageThroughput": throughput_mbps_per_tib,
                "dataCompressionType": "LZ4",
                "efaEnabled": efa,
                # EFA needs a metadata configuration (FSx API reference, CreateFileSystemLustreConfiguration, high).
                "metadataConfiguration": {"mode": "AUTOMATIC"},
            },
            tags=[cdk.CfnTag(key="Name", value=self.node.path.replace("/", "-"))],
        )
        if efa:
            cdk.Annotations.of(self).add_info_v2(
                "ultrafleet:lustre-efa-client",
                "the file system serves EFA to nodes that have a Lustre client with EFA; no EKS image is documented to "
                "bring one, and without it nodes use TCP",
            )
        self._security_groups = security_groups
        self.file_system.apply_removal_policy(removal_policy)
        self.capacity_gib = capacity_gib
        self.file_system_id = self.file_system.ref
        self.dns_name = self.file_system.attr_dns_name
        self.mount_name = self.file_system.attr_lustre_mount_name
        if data_repository is not None:
            fsx.CfnDataRepositoryAssociation(
                self,
                "Data",
                file_system_id=self.file_system_id,
                file_system_path="/data",
                data_repository_path=f"s3://{data_repository.bucket_name}/{data_prefix}".rstrip("/"),
                batch_import_meta_data_on_create=True,
                s3={
                    "autoImportPolicy": {"events": ["NEW", "CHANGED", "DELETED"]},
                    # Never DELETED: one `rm` of a job would delete the data set.
                    **({"autoExportPolicy": {"events": ["NEW", "CHANGED"]}} if export_to_bucket else {}),
                },
            )

    @property
    def connections(self) -> ec2.Connections:
        """Connections of the file system, on Lustre's port by default."""
        return ec2.Connections(security_groups=list(self._security_groups), default_port=ec2.Port.tcp(LUSTRE_PORT))
