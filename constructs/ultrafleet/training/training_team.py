"""A team that trains."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ultrafleet.cluster.access import ClusterAccess, add_access_entry
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.delivery.delivery import Delivery
from ultrafleet.delivery.pod_identity import pod_identity
from ultrafleet.jobs.pod import SERVICE_ACCOUNT
from ultrafleet.queueing.flavors import Flavor
from ultrafleet.rules.priorities import TEAM_PRIORITIES
from ultrafleet.training.lustre import LustreFileSystem
from ultrafleet.training.team_manifests import lustre_volume, team_group, team_manifests


class TrainingTeam(Construct):
    """Namespace, queue, service account with its role, bucket for checkpoints, rights of the members.

    With a file system, its volume, too. Jobs are the team's own affair: `ultrafleet job` writes them. What they may ask
    for is checked by the admission policy of `FleetPlatform`, and whom their pods may reach by network policies.

    Args:
        scope: parent.
        id: construct id.
        delivery: how objects reach the cluster.
        cluster: cluster of `aws_eks` or `aws_eks_v2`, a `FleetCluster`, or an `ImportedCluster` by its name. The
            name is plain, since roles are limited to it.
        team_name: name of the team and its namespace, up to 40 characters.
        workload: which queue it uses, one of the pools' workloads. Default: "training".
        priorities: Kueue priority classes that its jobs may have. Default: all but that of served models.
        flavors: capacity of the cluster, `FleetPlatform.flavors`: its jobs claim the network devices of their nodes.
            Default: none that they claim.
        member_role_arns: IAM roles of its people, who may run jobs in the namespace and nothing else. Plain values.
            Default: none.
        data_buckets: buckets that its jobs may read. Default: none.
        file_system: a file system for its jobs. Default: none.
        checkpoint_bucket: bucket for checkpoints. Default: a new one, encrypted, versioned for 30 days, TLS only.
        makes_claim_templates: whether members may make claim templates, as on the manager of a queue over cells.
            Default: False.
        removal_policy: of the new bucket. Default: it outlives the stack, but not a creation that failed.

    Raises:
        FleetError: a name that Kubernetes doesn't take, or a priority that isn't one.
    """

    namespace: str
    """The team's namespace."""
    role: iam.Role
    """Role of its jobs."""
    checkpoint_bucket: s3.IBucket
    """Bucket of the team's checkpoints."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        delivery: Delivery,
        cluster: ClusterReference,
        team_name: str,
        workload: str = "training",
        priorities: Sequence[str] = TEAM_PRIORITIES,
        flavors: Sequence[Flavor] = (),
        member_role_arns: Sequence[str] = (),
        data_buckets: Sequence[s3.IBucket] = (),
        file_system: LustreFileSystem | None = None,
        checkpoint_bucket: s3.IBucket | None = None,
        makes_claim_templates: bool = False,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        manifests = team_manifests(
            team_name, workload, priorities=priorities, flavors=flavors, makes_claim_templates=makes_claim_templates
        )
        self.namespace = team_name
        self.checkpoint_bucket = checkpoint_bucket or private_bucket(self, "Checkpoints", removal_policy)
        self.role, _ = pod_identity(
            self,
            "Jobs",
            cluster_name=cluster.cluster_name,
            namespace=team_name,
            service_account=SERVICE_ACCOUNT,
            description=f"training jobs of {team_name}",
            statements=_bucket_statements(self.checkpoint_bucket, data_buckets),
        )
        for arn in member_role_arns:
            add_access_entry(
                self,
                f"Member {arn.replace('/', ':')}",
                ClusterAccess(principal_arn=arn, kubernetes_groups=[team_group(team_name)]),
                cluster_name=cluster.cluster_name,
            )
        if file_system is not None:
            manifests += lustre_volume(
                team_name,
                file_system_id=file_system.file_system_id,
                dns_name=file_system.dns_name,
                mount_name=file_system.mount_name,
                capacity_gib=file_system.capacity_gib,
            )
        for manifest in manifests:
            delivery.add_manifest(self, manifest)


def private_bucket(scope: Construct, id: str, removal_policy: cdk.RemovalPolicy) -> s3.Bucket:
    """Bucket that requires TLS and keeps overwritten objects for 30 days."""
    return s3.Bucket(
        scope,
        id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="old-versions",
                noncurrent_version_expiration=cdk.Duration.days(30),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
            )
        ],
        removal_policy=removal_policy,
    )


def _bucket_statements(checkpoints: s3.IBucket, data: Sequence[s3.IBucket]) -> list[iam.PolicyStatement]:
    buckets = [checkpoints, *data]
    return [
        iam.PolicyStatement(
            actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[bucket.bucket_arn for bucket in buckets]
        ),
        iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects("*") for bucket in buckets]),
        iam.PolicyStatement(
            actions=["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"],
            resources=[checkpoints.arn_for_objects("*")],
        ),
    ]
