"""Flow logs of a VPC."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct


class NetworkFlowLogs(Construct):
    """Accepted and rejected traffic of a VPC in CloudWatch Logs. EFA traffic passes by the VPC and is not in them.

    Args:
        scope: parent.
        id: construct id.
        vpc_id: the VPC.
        retention: how long. Default: three months.
        removal_policy: of the log group. Default: it outlives the stack, but not a creation that failed.
    """

    log_group: logs.LogGroup
    """Log group of the flow logs, encrypted by CloudWatch Logs."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc_id: str,
        retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.log_group = logs.LogGroup(
            self,
            "LogGroup",
            retention=retention,
            removal_policy=removal_policy,
        )
        stack = cdk.Stack.of(self)
        # The service may write for this account's flow logs only (VPC user guide, high).
        principal = iam.ServicePrincipal(
            "vpc-flow-logs.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {
                    "aws:SourceArn": f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:vpc-flow-log/*"
                },
            },
        )
        role = iam.Role(self, "Role", assumed_by=principal)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                resources=[self.log_group.log_group_arn],
            )
        )
        ec2.CfnFlowLog(
            self,
            "Resource",
            resource_id=vpc_id,
            resource_type="VPC",
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_group_name=self.log_group.log_group_name,
            deliver_logs_permission_arn=role.role_arn,
            max_aggregation_interval=600,
        )
