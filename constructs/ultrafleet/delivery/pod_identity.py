"""AWS permissions for one service account of one cluster."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct


def pod_identity(
    scope: Construct,
    who: str,
    *,
    cluster_name: str,
    namespace: str,
    service_account: str,
    description: str,
    statements: Sequence[iam.PolicyStatement],
    role_name: str | None = None,
) -> tuple[iam.Role, eks.CfnPodIdentityAssociation]:
    """A role (`<who>Role`) and the association that hands it to the account's pods (`<who>Identity`).

    EKS passes cluster, namespace and account as session tags, and the trust asks for them (EKS user guide, Pod
    Identity, high): an association with another account can't take the role.
    """
    stack = cdk.Stack.of(scope)
    arn = stack.format_arn(service="eks", resource="cluster", resource_name=cluster_name)
    principal = iam.ServicePrincipal("pods.eks.amazonaws.com").with_conditions(
        {
            "StringEquals": {
                "aws:RequestTag/eks-cluster-arn": arn,
                "aws:RequestTag/kubernetes-namespace": namespace,
                "aws:RequestTag/kubernetes-service-account": service_account,
            }
        }
    )
    role = iam.Role(
        scope,
        f"{who}Role",
        role_name=role_name,
        assumed_by=iam.SessionTagsPrincipal(principal),
        description=description,
        # In the role itself: it is complete before a pod can take it.
        inline_policies={"permissions": iam.PolicyDocument(statements=list(statements))},
    )
    association = eks.CfnPodIdentityAssociation(
        scope,
        f"{who}Identity",
        cluster_name=cluster_name,
        namespace=namespace,
        service_account=service_account,
        role_arn=role.role_arn,
    )
    return role, association
