"""Base of every stack of an environment."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ultrafleet.cluster import ImportedCluster
from ultrafleet.environment import Environment
from ultrafleet.stacks import exports
from ultrafleet.stacks.exports import Exports


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
        self.removal_policy = (
            cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if environment.production else cdk.RemovalPolicy.DESTROY
        )

    @property
    def cluster(self) -> ImportedCluster:
        """The environment's cluster, by its name and its security group."""
        return ImportedCluster(
            cluster_name=self._environment.name,
            cluster_security_group_id=self.exports.read(exports.CLUSTER_SECURITY_GROUP_ID),
        )

    def subnets(self, kind: str) -> list[ec2.ISubnet]:
        """Subnets of a kind, from the network stack.

        By name: in another order of the file they would be other properties, some of them create-only.
        """
        return [
            ec2.Subnet.from_subnet_attributes(
                self,
                f"Subnet-{subnet.name}",
                subnet_id=self.exports.read(exports.subnet_id(subnet.name)),
                availability_zone=subnet.availability_zone,
            )
            for subnet in sorted(self._environment.network.subnets, key=lambda subnet: subnet.name)
            if subnet.kind == kind
        ]
