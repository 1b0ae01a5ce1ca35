"""Base of every stack of an environment."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ultrafleet.cluster import ImportedCluster
from ultrafleet.environment import Environment
from ultrafleet.network import ImportedSecondaryNetwork
from ultrafleet.rules.self_managed import SelfManagedNodes
from ultrafleet.stacks import exports
from ultrafleet.stacks.exports import Exports
from ultrafleet.templates.existing import EXISTING


class EnvironmentStack(cdk.Stack):
    """A stack in the environment's account and region.

    Args:
        scope: the environment's stage.
        id: construct id; the stack is named ENVIRONMENT-ID.
        environment: the environment.
        description: one line, shown by CloudFormation.
    """

    exports: Exports
    """Both ends of the values that stacks of the environment hand to one another."""
    removal_policy: cdk.RemovalPolicy
    """Of what is stateful: production keeps it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        environment: Environment,
        description: str,
    ) -> None:
        super().__init__(
            scope,
            id,
            env=cdk.Environment(account=environment.account, region=environment.region),
            description=description,
            # No termination protection: the CLI sets it before anything is made, and a first deployment that failed
            # could then not be deleted, which the next one begins with. See docs/decisions/0005.
            # The CDK CLI checks the bootstrap version; a rule and a parameter in each template repeat it.
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self.exports = Exports(environment.name)
        self._environment = environment
        self._existing: dict[str, str] = {}
        self.removal_policy = (
            cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if environment.production else cdk.RemovalPolicy.DESTROY
        )

    @property
    def cluster(self) -> ImportedCluster:
        """The environment's cluster, by its name and its security group."""
        existing = self._environment.cluster.existing
        if existing is None:
            group = self.exports.read(exports.CLUSTER_SECURITY_GROUP_ID)
            return ImportedCluster(cluster_name=self._environment.name, cluster_security_group_id=group)
        self._uses("EKS cluster", existing.name)
        if existing.security_group_id is not None:
            self._uses("cluster security group", existing.security_group_id)
        return ImportedCluster(cluster_name=existing.name, cluster_security_group_id=existing.security_group_id)

    @property
    def vpc_id(self) -> str:
        """Id of the VPC: the existing one's, or an import from the network's stack."""
        return self._existing_or_import("VPC", self._environment.network.vpc_id, exports.VPC_ID)

    @property
    def efa_security_group_id(self) -> str:
        """Id of the security group of EFA traffic."""
        existing = self._environment.network.efa_security_group_id
        return self._existing_or_import("security group of EFA traffic", existing, exports.EFA_SECURITY_GROUP_ID)

    @property
    def node_role_arn(self) -> str:
        """ARN of the role of every node."""
        existing = self._environment.cluster.node_role_arn
        return self._existing_or_import("node role", existing, exports.NODE_ROLE_ARN)

    @property
    def self_managed_nodes(self) -> SelfManagedNodes:
        """Facts by which self-managed nodes join the environment's cluster."""
        cluster = self._environment.cluster
        return SelfManagedNodes(
            instance_profile_arn=self.exports.read(exports.INSTANCE_PROFILE_ARN),
            api_server_endpoint=self.exports.read(exports.CLUSTER_ENDPOINT),
            certificate_authority=self.exports.read(exports.CLUSTER_CERTIFICATE),
            service_cidr=cluster.service_cidr or "",
            kubernetes_version=cluster.kubernetes_version,
        )

    @property
    def alarm_topic_arn(self) -> str:
        """ARN of the topic of the environment's alarms."""
        return self._existing_or_import("topic of alarms", self._environment.alarm_topic_arn, exports.ALARM_TOPIC_ARN)

    def subnet_id(self, name: str) -> str:
        """Id of a subnet.

        Args:
            name: name of the subnet in the environment's file.
        """
        existing = self._environment.subnet(name).subnet_id
        return self._existing_or_import(f"subnet {name}", existing, exports.subnet_id(name))

    @property
    def secondary_network(self) -> ImportedSecondaryNetwork | None:
        """The secondary network by its exports, or None."""
        settings = self._environment.network.secondary_network
        if settings is None:
            return None
        return ImportedSecondaryNetwork(
            plan=settings.plan,
            subnet_ids=[self.exports.read(exports.secondary_subnet_id(number)) for number in range(settings.subnets)],
            service_token=self.exports.read(exports.SECONDARY_NETWORK_SERVICE_TOKEN),
        )

    def imported_vpc(self) -> ec2.IVpc:
        """The VPC by its id, as construct `Vpc` of this stack."""
        return ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self.vpc_id,
            availability_zones=sorted({s.availability_zone for s in self._environment.network.subnets}),
        )

    def _existing_or_import(self, kind: str, existing: str | None, export: str) -> str:
        if existing is None:
            return self.exports.read(export)
        self._uses(kind, existing)
        return existing

    def _uses(self, kind: str, id: str) -> None:
        """Say in the template that it uses an existing thing, which is not the stack's to change."""
        self._existing[kind] = id
        self.template_options.metadata = {EXISTING: dict(sorted(self._existing.items()))}

    def subnets(self, kind: str) -> list[ec2.ISubnet]:
        """Subnets of a kind, from the network stack.

        By name: in another order of the file they would be other properties, some of them create-only.
        """
        return [
            ec2.Subnet.from_subnet_attributes(
                self,
                f"Subnet-{subnet.name}",
                subnet_id=self.subnet_id(subnet.name),
                availability_zone=subnet.availability_zone,
            )
            for subnet in sorted(self._environment.network.subnets, key=lambda subnet: subnet.name)
            if subnet.kind == kind
        ]
