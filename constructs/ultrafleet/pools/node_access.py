"""Role of nodes, and the key of their root volumes."""

from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kms as kms


def new_node_role(scope: Construct) -> "iam.IRole":
    """Role of a pool that is passed none."""
    from ultrafleet.cluster import create_node_role  # noqa: PLC0415 - most pools share a role and need none of it

    return create_node_role(scope, "NodeRole")


def let_auto_scaling_use(scope: Construct, key: "kms.IKey") -> None:
    """Grant a customer key to Auto Scaling's service-linked role, which starts the instances.

    Source: Auto Scaling user guide, "required key policy for encrypted volumes" (high).
    """
    from aws_cdk import aws_iam as iam  # noqa: PLC0415 - a pool without a customer key needs none of it

    stack = cdk.Stack.of(scope)
    role_arn = (
        f"arn:{stack.partition}:iam::{stack.account}:role/aws-service-role/autoscaling.amazonaws.com/"
        "AWSServiceRoleForAutoScaling"
    )
    principal = iam.ArnPrincipal(role_arn)
    use = iam.PolicyStatement(
        actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        principals=[principal],
        resources=["*"],
    )
    grant = iam.PolicyStatement(
        actions=["kms:CreateGrant"],
        principals=[principal],
        resources=["*"],
        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
    added = [key.add_to_resource_policy(statement).statement_added for statement in (use, grant)]
    if not all(added):
        cdk.Annotations.of(scope).add_warning_v2(
            "ultrafleet:rootVolumeKey",
            "the root volume key was imported, so its policy can't be edited here: its owner must let "
            f"{role_arn} use it, kms:CreateGrant included, or no node starts",
        )
