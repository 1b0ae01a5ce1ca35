"""IAM policy of the AWS Load Balancer Controller: Network Load Balancers of one cluster, no security groups.

The controller's own policy also covers Application Load Balancers, WAF, Shield, Cognito and security groups, which
nothing here uses (its docs/install/iam_policy.json, high; that this part is enough for NLBs with IP targets and groups
of one's own: medium, not run in AWS).
"""

from typing import Any

_CLUSTER_TAG = "elbv2.k8s.aws/cluster"

_SERVICE_LINKED_ROLE = "elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"

_DESCRIBE = [
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAddresses",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "elasticloadbalancing:DescribeCapacityReservation",
    "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListenerCertificates",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeSSLPolicies",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:DescribeTrustStores",
]


def load_balancer_statements(*, partition: str, region: str, account: str, cluster_name: str) -> list[dict[str, Any]]:
    """Statements of the controller's role, in IAM's words.

    Args:
        partition: partition of the account.
        region: region of the cluster.
        account: its account.
        cluster_name: the cluster, whose name the controller puts on what it makes.
    """
    prefix = f"arn:{partition}:elasticloadbalancing:{region}:{account}"
    load_balancer_arns = [f"{prefix}:loadbalancer/net/*", f"{prefix}:targetgroup/*", f"{prefix}:listener/net/*"]
    requested = {"StringEquals": {f"aws:RequestTag/{_CLUSTER_TAG}": cluster_name}}
    owned = {"StringEquals": {f"aws:ResourceTag/{_CLUSTER_TAG}": cluster_name}}
    return [
        {"Effect": "Allow", "Action": _DESCRIBE, "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": [
                "elasticloadbalancing:CreateListener",
                "elasticloadbalancing:CreateLoadBalancer",
                "elasticloadbalancing:CreateTargetGroup",
            ],
            "Resource": load_balancer_arns,
            "Condition": requested,
        },
        {
            "Effect": "Allow",
            "Action": ["elasticloadbalancing:AddTags"],
            "Resource": load_balancer_arns,
            "Condition": requested,
        },
        {
            "Effect": "Allow",
            "Action": [
                "elasticloadbalancing:AddListenerCertificates",
                "elasticloadbalancing:DeleteListener",
                "elasticloadbalancing:DeleteLoadBalancer",
                "elasticloadbalancing:DeleteTargetGroup",
                "elasticloadbalancing:DeregisterTargets",
                "elasticloadbalancing:ModifyListener",
                "elasticloadbalancing:ModifyListenerAttributes",
                "elasticloadbalancing:ModifyLoadBalancerAttributes",
                "elasticloadbalancing:ModifyTargetGroup",
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "elasticloadbalancing:RegisterTargets",
                "elasticloadbalancing:RemoveListenerCertificates",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:SetSecurityGroups",
                "elasticloadbalancing:SetSubnets",
            ],
            "Resource": load_balancer_arns,
            "Condition": owned,
        },
        {
            "Effect": "Allow",
            "Action": ["iam:CreateServiceLinkedRole"],
            "Resource": [f"arn:{partition}:iam::{account}:role/aws-service-role/{_SERVICE_LINKED_ROLE}"],
            "Condition": {"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}},
        },
    ]
