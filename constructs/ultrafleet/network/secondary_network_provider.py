"""Lambda function behind the custom resources of secondary networks."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from ultrafleet.secondary_network_function import FOLDER, HANDLER, VERSIONED_TAG


class SecondaryNetworkProvider(Construct):
    """Function that makes what EC2 has of secondary networks and CloudFormation lacks.

    These are secondary subnets, and launch template versions with secondary interfaces. It calls EC2's Query API with
    the credentials of its own role, and needs no model of the API, which the boto3 of a Lambda runtime may not have.

    Args:
        scope: parent.
        id: construct id.
    """

    service_token: str
    """ARN of the function, for custom resources in this and other stacks (a token)."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Secondary subnets and launch template versions with secondary interfaces",
            inline_policies={"Policy": iam.PolicyDocument(statements=_statements(cdk.Stack.of(self), log_group))},
        )
        function = lambda_.Function(
            self,
            "Function",
            description="Secondary subnets and launch template versions with secondary interfaces",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FOLDER), exclude=["__init__.py", "__pycache__"]),
            handler=HANDLER,
            role=role,
            log_group=log_group,
            timeout=cdk.Duration.minutes(15),
            memory_size=256,
        )
        self.service_token = function.function_arn


def _statements(stack: cdk.Stack, log_group: logs.LogGroup) -> list[iam.PolicyStatement]:
    arn = f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}"
    return [
        # Descriptions know no resources, and no page says which resources the actions on secondary subnets know.
        iam.PolicyStatement(
            actions=[
                "ec2:CreateSecondarySubnet",
                "ec2:DeleteSecondarySubnet",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeSecondaryInterfaces",
                "ec2:DescribeSecondarySubnets",
            ],
            resources=["*"],
            conditions={"StringEquals": {"aws:RequestedRegion": stack.region}},
        ),
        iam.PolicyStatement(
            actions=["ec2:CreateTags"],
            resources=[f"{arn}:*/*"],
            conditions={"StringEquals": {"ec2:CreateAction": "CreateSecondarySubnet"}},
        ),
        iam.PolicyStatement(
            actions=["ec2:CreateLaunchTemplateVersion"],
            resources=[f"{arn}:launch-template/*"],
            conditions={"StringEquals": {f"aws:ResourceTag/{VERSIONED_TAG}": "true"}},
        ),
        iam.PolicyStatement(
            actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[f"{log_group.log_group_arn}"]
        ),
    ]
