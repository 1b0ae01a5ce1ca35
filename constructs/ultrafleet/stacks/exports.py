"""Exports of the stacks: fixed names, always published, whichever stack imports them.

Weak references (`Fn::GetStackOutput`, CDK's default) are not read again by a consumer that does not change, and the
exports that CDK derives come and go with their importers, which deadlocks. See docs/decisions/0007.
"""

import aws_cdk as cdk


class Exports:
    """Names of one environment's exports, and both ends of each.

    Args:
        environment: name of the environment; the names begin with it.
    """

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def publish(self, stack: cdk.Stack, name: str, value: str, description: str) -> None:
        """Export a value from the stack that owns it.

        CloudFormation then refuses to change or remove it while another stack imports it, which is what protects a
        running pool: its subnets, security groups and role can't be taken from under it.
        """
        logical_id = "Export" + "".join(part.capitalize() for part in name.split("-"))
        cdk.CfnOutput(stack, logical_id, value=value, export_name=self._name(name), description=description)

    def read(self, name: str) -> str:
        """Import a value that another stack of the environment exports (a token)."""
        return cdk.Fn.import_value(self._name(name))

    def _name(self, name: str) -> str:
        return f"{self._environment}-{name}"


VPC_ID = "vpc-id"
EFA_SECURITY_GROUP_ID = "efa-security-group-id"
CLUSTER_SECURITY_GROUP_ID = "cluster-security-group-id"
NODE_ROLE_ARN = "node-role-arn"
SELF_MANAGED_NODE_ROLE_ARN = "self-managed-node-role-arn"
INSTANCE_PROFILE_ARN = "instance-profile-arn"
CLUSTER_ENDPOINT = "cluster-endpoint"
CLUSTER_CERTIFICATE = "cluster-certificate"
ALARM_TOPIC_ARN = "alarm-topic-arn"
KUBECTL_SERVICE_TOKEN = "kubectl-service-token"  # noqa: S105 - CloudFormation's word for a function's ARN
SECONDARY_NETWORK_SERVICE_TOKEN = "secondary-network-service-token"  # noqa: S105 - the same


def secondary_subnet_id(number: int) -> str:
    """Export of the id of a secondary subnet, by its number from 0."""
    return f"secondary-subnet-{number}-id"


def subnet_id(name: str) -> str:
    """Export of a subnet's id."""
    return f"subnet-{name}-id"


def reservation_id(name: str) -> str:
    """Export of a capacity reservation's id."""
    return f"reservation-{name}-id"


def placement_group_name(name: str) -> str:
    """Export of the name of the placement group that a capacity reservation is in."""
    return f"reservation-{name}-placement-group"
