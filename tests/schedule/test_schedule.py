"""The block schedule's resources."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match, Template
from cfnlint.api import lint_file  # type: ignore[import-untyped]  # it has no py.typed
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]  # it has no py.typed
from syrupy.assertion import SnapshotAssertion

from ultrafleet.cluster import ImportedCluster
from ultrafleet.errors import FleetError
from ultrafleet.schedule import BlockSchedule, schedule_tags


def statements(template: Template, role: str) -> list[dict[str, Any]]:
    """Statements of a role's policies, by a part of the role's logical id."""
    return [
        statement
        for policy in template.find_resources("AWS::IAM::Policy").values()
        if any(role in reference["Ref"] for reference in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_minimal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_maximal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    key = kms.Key(stack, "GivenKey")
    topic = sns.Topic(stack, "GivenTopic", master_key=key)
    BlockSchedule(
        stack,
        "Schedule",
        cluster=ImportedCluster(cluster_name="training"),
        topic=topic,
        encryption_key=key,
        enabled=False,
    )
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_machine_is_started_every_five_minutes_and_a_lost_start_is_kept(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::Scheduler::Schedule",
        {
            "ScheduleExpression": "rate(5 minutes)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": {
                "Arn": {"Fn::GetAtt": [Match.string_like_regexp("^Schedule"), "Arn"]},
                "DeadLetterConfig": {"Arn": Match.any_value()},
                "RetryPolicy": {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": Match.any_value()},
            },
        },
    )
    template.has_resource_properties(
        "AWS::StepFunctions::StateMachine",
        {
            "StateMachineType": "STANDARD",
            "Definition": Match.object_like({"QueryLanguage": "JSONata", "TimeoutSeconds": 240}),
            "LoggingConfiguration": Match.object_like({"Level": "ALL"}),
        },
    )


def test_disabled_schedule_starts_nothing(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"), enabled=False)
    Template.from_stack(stack).has_resource_properties("AWS::Scheduler::Schedule", {"State": "DISABLED"})


def test_machine_may_do_what_its_states_call_and_nothing_else(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    resources = {
        action: plain(statement["Resource"])
        for statement in statements(Template.from_stack(stack), "StateMachineRole")
        for action in listed(statement["Action"])
    }
    in_account = "us-east-1:111122223333:"
    node_groups = f"arn:aws:eks:{in_account}nodegroup/training/*"
    assert resources["eks:ListNodegroups"] == f"arn:aws:eks:{in_account}cluster/training"
    assert resources["eks:DescribeNodegroup"] == node_groups
    assert resources["eks:UpdateNodegroupConfig"] == node_groups
    assert resources["ec2:DescribeCapacityReservations"] == "*"
    own_groups = f"arn:aws:autoscaling:{in_account}autoScalingGroup:*:autoScalingGroupName/training-*"
    assert resources["autoscaling:SetDesiredCapacity"] == own_groups
    assert resources["autoscaling:DescribeAutoScalingGroups"] == "*"
    services = {action.split(":")[0] for action in resources}
    assert services == {"autoscaling", "cloudwatch", "ec2", "eks", "sqs", "kms", "logs", "xray"}
    assert "DeadLetters" in str(resources["sqs:SendMessage"])
    writes = {action for action in resources if not action.split(":")[1].startswith(("Describe", "List", "Get"))}
    assert {action for action in writes if action.split(":")[0] not in {"logs", "xray", "kms"}} == {
        "autoscaling:SetDesiredCapacity",
        "cloudwatch:PutMetricData",
        "eks:UpdateNodegroupConfig",
        "sqs:SendMessage",
    }


def test_machine_sizes_auto_scaling_groups_with_the_tag_of_its_cluster_alone(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    (found,) = [
        statement
        for statement in statements(Template.from_stack(stack), "StateMachineRole")
        if "autoscaling:SetDesiredCapacity" in listed(statement["Action"])
    ]
    assert found["Condition"] == {"StringEquals": {"aws:ResourceTag/ultrafleet:cluster": "training"}}


def test_machine_puts_figures_of_its_cluster_alone(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    (found,) = [
        statement
        for statement in statements(Template.from_stack(stack), "StateMachineRole")
        if "cloudwatch:PutMetricData" in listed(statement["Action"])
    ]
    assert found["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Ultrafleet/training"}}


def plain(value: Any) -> Any:
    """An ARN with the partition written out; anything else as it is."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join("aws" if part == {"Ref": "AWS::Partition"} else part for part in value["Fn::Join"][1])
    return value


def test_scheduler_may_start_the_machine_and_report_to_the_queue(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    actions = {
        action
        for statement in statements(Template.from_stack(stack), "SchedulerRole")
        for action in listed(statement["Action"])
    }
    assert {action for action in actions if not action.startswith(("kms:", "sqs:Get"))} == {
        "states:StartExecution",
        "sqs:SendMessage",
    }


@pytest.mark.parametrize("service", ["states", "scheduler"])
def test_roles_are_for_this_account_only(stack: cdk.Stack, service: str) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {
                "Statement": [
                    Match.object_like(
                        {
                            "Principal": {"Service": f"{service}.amazonaws.com"},
                            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
                        }
                    )
                ]
            }
        },
    )


def test_topic_queue_and_logs_are_encrypted_with_one_key_that_rotates(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    template = Template.from_stack(stack)
    (key,) = template.find_resources("AWS::KMS::Key")
    template.has_resource_properties("AWS::KMS::Key", {"EnableKeyRotation": True})
    # The topic takes the key's id or ARN; each names the key.
    (topic,) = template.find_resources("AWS::SNS::Topic").values()
    assert key in json.dumps(topic["Properties"]["KmsMasterKeyId"])
    template.has_resource_properties("AWS::SQS::Queue", {"KmsMasterKeyId": {"Fn::GetAtt": [key, "Arn"]}})
    template.has_resource_properties(
        "AWS::Logs::LogGroup",
        {"KmsKeyId": {"Fn::GetAtt": [key, "Arn"]}, "LogGroupName": "/aws/vendedlogs/states/training-block-schedule"},
    )


def key_statement(template: Template, service: str) -> dict[str, Any]:
    (key,) = template.find_resources("AWS::KMS::Key").values()
    (found,) = (
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement["Principal"].get("Service") == service
    )
    return dict(found)


@pytest.mark.parametrize("own_key", [True, False])
def test_services_that_publish_and_log_may_use_the_key(stack: cdk.Stack, *, own_key: bool) -> None:
    key = None if own_key else kms.Key(stack, "Given")
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"), encryption_key=key)
    template = Template.from_stack(stack)
    assert key_statement(template, "cloudwatch.amazonaws.com")["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"}
    }
    # SNS guide: EventBridge can't publish to an encrypted topic whose key asks for a source.
    assert "Condition" not in key_statement(template, "events.amazonaws.com")
    assert key_statement(template, "logs.us-east-1.amazonaws.com")["Condition"]


@pytest.mark.parametrize("own_topic", [True, False])
def test_alarms_and_events_may_publish_to_the_topic(stack: cdk.Stack, *, own_topic: bool) -> None:
    topic = None if own_topic else sns.Topic(stack, "Given")
    schedule = BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"), topic=topic)
    template = Template.from_stack(stack)
    (policy,) = template.find_resources("AWS::SNS::TopicPolicy").values()
    let_in = {
        statement["Principal"]["Service"]: statement.get("Condition")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }
    # EventBridge user guide: a topic's policy can't have conditions for it, or no event arrives.
    assert let_in["events.amazonaws.com"] is None
    assert "alarm:*" in json.dumps(let_in["cloudwatch.amazonaws.com"])
    if topic is not None:
        assert schedule.topic is topic


def test_ec2s_capacity_block_events_reach_the_topic(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    Template.from_stack(stack).has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {"source": ["aws.ec2"], "detail-type": [{"prefix": "Capacity Block"}]},
            "Targets": [Match.object_like({"Arn": {"Ref": Match.string_like_regexp("ScheduleTopic")}, "Id": "Topic"})],
        },
    )


def test_event_that_cant_be_published_goes_to_the_queue(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    template = Template.from_stack(stack)
    ((rule_id, rule),) = template.find_resources("AWS::Events::Rule").items()
    (queue_id,) = template.find_resources("AWS::SQS::Queue")
    queue_arn = {"Fn::GetAtt": [queue_id, "Arn"]}
    assert rule["Properties"]["Targets"][0]["DeadLetterConfig"] == {"Arn": queue_arn}
    template.has_resource_properties(
        "AWS::SQS::QueuePolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        {
                            "Action": "sqs:SendMessage",
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Resource": queue_arn,
                            "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule_id, "Arn"]}}},
                        }
                    ]
                )
            }
        },
    )


@pytest.mark.parametrize(
    ("metric", "missing"),
    [
        ("NumberOfMessagesSent", "notBreaching"),
        ("ExecutionsFailed", "notBreaching"),
        ("ExecutionsTimedOut", "notBreaching"),
        ("ExecutionThrottled", "notBreaching"),
        ("ExecutionsStarted", "breaching"),
    ],
)
def test_every_way_to_fail_has_an_alarm(stack: cdk.Stack, metric: str, missing: str) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    Template.from_stack(stack).has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": metric,
            "TreatMissingData": missing,
            "AlarmActions": [{"Ref": Match.string_like_regexp("ScheduleTopic")}],
            "Threshold": 1,
            "ComparisonOperator": "LessThanThreshold" if missing == "breaching" else "GreaterThanOrEqualToThreshold",
            "Dimensions": [Match.object_like({"Value": Match.any_value()})],
        },
    )


def test_cluster_name_may_be_a_token(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Agnostic")
    name = cdk.CfnParameter(stack, "ClusterName")
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name=name.value_as_string))
    (machine,) = Template.from_stack(stack).find_resources("AWS::StepFunctions::StateMachine").values()
    begin = machine["Properties"]["Definition"]["States"]["Begin"]
    assert begin["Assign"]["nameRequest"]["ClusterName"] == {"Ref": "ClusterName"}


@pytest.mark.parametrize("name", ["", "*", "train'ing", "-training", "a" * 101, "training/x"])
def test_fails_with_a_name_that_no_cluster_has(stack: cdk.Stack, name: str) -> None:
    with pytest.raises(FleetError, match=r"cluster_name is .*, expected 1 to 100 letters"):
        BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name=name))


def test_two_clusters_in_one_stack(stack: cdk.Stack) -> None:
    for name in ("training", "inference"):
        BlockSchedule(stack, name, cluster=ImportedCluster(cluster_name=name))
    Template.from_stack(stack).resource_count_is("AWS::StepFunctions::StateMachine", 2)


def test_no_lambda_and_no_custom_resource(stack: cdk.Stack) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    types = {resource["Type"] for resource in Template.from_stack(stack).to_json()["Resources"].values()}
    assert not {name for name in types if name.startswith(("AWS::Lambda", "Custom::", "AWS::CloudFormation"))}


@pytest.mark.parametrize("maximal", [False, True])
@pytest.mark.slow
def test_template_passes_cdks_validation_and_cfn_lint(
    cdk_context: dict[str, Any], tmp_path: Path, *, maximal: bool
) -> None:
    app = cdk.App(context=cdk_context, analytics_reporting=False, outdir=str(tmp_path))
    stack = cdk.Stack(app, "Test", env=cdk.Environment(account="111122223333", region="us-east-1"))
    if maximal:
        key = kms.Key(stack, "GivenKey", enable_key_rotation=True)
        topic = sns.Topic(stack, "GivenTopic", master_key=key)
        name = cdk.CfnParameter(stack, "ClusterName").value_as_string
        BlockSchedule(
            stack,
            "Schedule",
            cluster=ImportedCluster(cluster_name=name),
            topic=topic,
            encryption_key=key,
            enabled=False,
        )
    else:
        BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    app.synth()
    assert lint_file(tmp_path / "Test.template.json", ManualArgs(regions=["us-east-1"])) == []


def test_broken_definition_is_found_by_cfn_lint(stack: cdk.Stack, tmp_path: Path) -> None:
    BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="training"))
    template = Template.from_stack(stack).to_json()
    (machine,) = (item for item in template["Resources"].values() if item["Type"] == "AWS::StepFunctions::StateMachine")
    machine["Properties"]["Definition"]["States"]["EachGroup"]["Type"] = "Mop"
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(template))
    assert [match.rule.id for match in lint_file(path, ManualArgs(regions=["us-east-1"]))] == ["E3601"]


def test_tags_of_a_node_group() -> None:
    assert schedule_tags(capacity_reservation_id="cr-1", drain_lead_minutes=90) == {
        "ultrafleet:schedule": "capacity-blocks",
        "ultrafleet:capacity-reservation": "cr-1",
        "ultrafleet:drain-lead-minutes": "90",
    }
    held = schedule_tags(capacity_reservation_id="cr-1", drain_lead_minutes=90, hold=True)
    assert held["ultrafleet:schedule"] == "hold"


def test_key_and_logs_are_kept_on_request(stack: cdk.Stack) -> None:
    BlockSchedule(
        stack,
        "Schedule",
        cluster=ImportedCluster(cluster_name="training"),
        removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )
    template = Template.from_stack(stack)
    for kind in ("AWS::KMS::Key", "AWS::Logs::LogGroup"):
        template.has_resource(kind, {"DeletionPolicy": "RetainExceptOnCreate"})
