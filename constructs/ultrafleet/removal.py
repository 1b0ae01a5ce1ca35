"""Removal policies of resources."""

import aws_cdk as cdk


def apply_removal_policy(resource: cdk.CfnResource, policy: cdk.RemovalPolicy) -> None:
    """Apply a removal policy; `DESTROY` is CloudFormation's default and leaves the template as it is."""
    if policy is not cdk.RemovalPolicy.DESTROY:
        resource.apply_removal_policy(policy)
