"""Training team in its own stack."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ultrafleet.environment import Environment
from ultrafleet.environment.workloads import FileSystemSettings, TeamSettings
from ultrafleet.stacks.environment_stack import EnvironmentStack
from ultrafleet.stacks.kubernetes_stack import KubernetesStack
from ultrafleet.training import LustreFileSystem, TrainingTeam


class TeamStack(EnvironmentStack):
    """Namespace, queue, identity, buckets and file system of one team.

    Args:
        scope: the environment's stage.
        environment: the environment.
        team: the team in it.
        kubernetes: the environment's Kubernetes layer.
    """

    team: TrainingTeam
    """The team."""

    def __init__(
        self, scope: Construct, *, environment: Environment, team: TeamSettings, kubernetes: KubernetesStack
    ) -> None:
        super().__init__(
            scope,
            f"team-{team.name}",
            environment=environment,
            description=f"{team.name}: namespace, queue, identity and storage of a team that trains",
        )
        self.settings = team
        self.team = TrainingTeam(
            self,
            "Team",
            delivery=kubernetes.delivery_in(self),
            cluster=self.cluster,
            team_name=team.name,
            workload=team.workload,
            priorities=team.priorities,
            flavors=kubernetes.platform.flavors,
            member_role_arns=team.member_role_arns,
            data_buckets=[s3.Bucket.from_bucket_name(self, f"Data-{name}", name) for name in team.data_buckets],
            file_system=self._file_system(environment, team.file_system) if team.file_system else None,
            makes_claim_templates=environment.kubernetes.manages is not None,
            removal_policy=self.removal_policy,
        )
        cdk.CfnOutput(
            self,
            "CheckpointBucket",
            value=self.team.checkpoint_bucket.bucket_name,
            description=f"where jobs of {team.name} put their checkpoints",
        )

    def _file_system(self, environment: Environment, settings: FileSystemSettings) -> LustreFileSystem:
        return LustreFileSystem(
            self,
            "FileSystem",
            subnet=ec2.Subnet.from_subnet_attributes(
                self,
                "Subnet",
                subnet_id=self.subnet_id(settings.subnet),
                availability_zone=environment.subnet(settings.subnet).availability_zone,
            ),
            security_groups=[
                ec2.SecurityGroup.from_security_group_id(
                    self, "EfaSecurityGroup", self.efa_security_group_id, mutable=False
                )
            ],
            capacity_gib=settings.capacity_gib,
            throughput_mbps_per_tib=settings.throughput_mbps_per_tib,
            efa=settings.efa,
            data_repository=s3.Bucket.from_bucket_name(self, "DataRepository", settings.data_bucket)
            if settings.data_bucket
            else None,
            data_prefix=settings.data_prefix,
            export_to_bucket=settings.export_to_bucket,
            removal_policy=self.removal_policy,
        )
