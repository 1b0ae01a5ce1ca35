"""Queues, topics, rules, schedules and state machines."""

import json
from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    provides,
    raise_problem,
    tags_of,
)
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rehearsal.stepfunctions.clock import Schedules


@provides
class QueueProvider(Provider):
    """SQS queue."""

    type = "AWS::SQS::Queue"
    known = frozenset(
        {
            "DelaySeconds", "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "MaximumMessageSize",
            "MessageRetentionPeriod", "QueueName", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("QueueName", context.name(most=80))
        url = call("sqs", "create_queue", QueueName=name, Attributes=self._attributes(properties))["QueueUrl"]
        return self._physical(call, url)

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        live = {**self.describe(call, resource, properties)}
        live["QueueName"] = resource.attributes["QueueName"]
        if "RedrivePolicy" in live:
            live["RedrivePolicy"] = json.loads(live["RedrivePolicy"])
        return {key: value for key, value in live.items() if key in self.known}

    def adopt(self, call: Calls, identifier: Mapping[str, str], properties: Properties) -> PhysicalResource:
        return self._physical(call, identifier["QueueUrl"])

    @staticmethod
    def _physical(call: Calls, url: str) -> PhysicalResource:
        name = url.rpartition("/")[2]
        answer = call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])
        return PhysicalResource(
            physical_id=url, attributes={"Arn": answer["Attributes"]["QueueArn"], "QueueName": name, "QueueUrl": url}
        )

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        answer = call("sqs", "get_queue_attributes", QueueUrl=resource.physical_id, AttributeNames=["All"])
        found: Mapping[str, Any] = answer["Attributes"]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        call("sqs", "set_queue_attributes", QueueUrl=resource.physical_id, Attributes=self._attributes(new))

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("sqs", "delete_queue", QueueUrl=resource.physical_id)

    @staticmethod
    def _attributes(properties: Properties) -> dict[str, str]:
        return {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in properties.items()
            if key != "QueueName"
        }


@provides
class QueuePolicyProvider(Provider):
    """Queue policy."""

    type = "AWS::SQS::QueuePolicy"
    known = frozenset({"PolicyDocument", "Queues"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        self._set(call, properties["Queues"], json.dumps(properties["PolicyDocument"]))
        return PhysicalResource(physical_id=context.name(), attributes={"Id": context.name()})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        answers = [
            call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
            for url in properties["Queues"]
        ]
        return find([answer for answer in answers if answer.get("Policy")], "NotFound", "policy of the queue")

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        self._set(call, new["Queues"], json.dumps(new["PolicyDocument"]))

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        self._set(call, properties["Queues"], "")

    @staticmethod
    def _set(call: Calls, urls: list[str], policy: str) -> None:
        for url in urls:
            call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": policy})


@provides
class TopicProvider(Provider):
    """SNS topic."""

    type = "AWS::SNS::Topic"
    known = frozenset({"DisplayName", "KmsMasterKeyId", "TopicName"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("TopicName", context.name(most=256))
        given = {key: value for key, value in properties.items() if key != "TopicName"}
        arn = call("sns", "create_topic", Name=name, Attributes=given)["TopicArn"]
        return PhysicalResource(physical_id=arn, attributes={"TopicArn": arn, "TopicName": name})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("sns", "get_topic_attributes", TopicArn=resource.physical_id)["Attributes"]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        for key in ("DisplayName", "KmsMasterKeyId"):
            if old.get(key) != new.get(key):
                call(
                    "sns",
                    "set_topic_attributes",
                    TopicArn=resource.physical_id,
                    AttributeName=key,
                    AttributeValue=new.get(key, ""),
                )

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("sns", "delete_topic", TopicArn=resource.physical_id)


@provides
class TopicPolicyProvider(Provider):
    """Topic policy."""

    type = "AWS::SNS::TopicPolicy"
    known = frozenset({"PolicyDocument", "Topics"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        self.update(call, PhysicalResource(physical_id=""), {}, properties)
        return PhysicalResource(physical_id=context.name(), attributes={"Id": context.name()})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        answers = [call("sns", "get_topic_attributes", TopicArn=arn)["Attributes"] for arn in properties["Topics"]]
        wanted = properties["PolicyDocument"]
        mine = [answer for answer in answers if json.loads(answer["Policy"]) == wanted]
        return find(mine, "NotFound", "policy of the topic")

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        for arn in new["Topics"]:
            policy = json.dumps(new["PolicyDocument"])
            call("sns", "set_topic_attributes", TopicArn=arn, AttributeName="Policy", AttributeValue=policy)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        # A topic always has a policy; SNS puts its default one back, and the topic goes after this.
        return


@provides
class RuleProvider(Provider):
    """EventBridge rule on the default bus."""

    type = "AWS::Events::Rule"
    known = frozenset({"Description", "EventPattern", "Name", "ScheduleExpression", "State", "Targets"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("Name", context.name())
        arn = self._put(call, name, properties)
        return PhysicalResource(physical_id=name, attributes={"Arn": arn})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        rule = call("events", "describe_rule", Name=resource.physical_id)
        targets = call("events", "list_targets_by_rule", Rule=resource.physical_id)["Targets"]
        return {**rule, "Targets": targets}

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        self._put(call, resource.physical_id, new)
        kept = {target["Id"] for target in new.get("Targets", [])}
        gone = [target["Id"] for target in old.get("Targets", []) if target["Id"] not in kept]
        if gone:
            call("events", "remove_targets", Rule=resource.physical_id, Ids=gone)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        targets = [target["Id"] for target in properties.get("Targets", [])]
        if targets:
            call("events", "remove_targets", Rule=resource.physical_id, Ids=targets)
        call("events", "delete_rule", Name=resource.physical_id)

    @staticmethod
    def _put(call: Calls, name: str, properties: Properties) -> str:
        pattern = properties.get("EventPattern")
        arn = call(
            "events",
            "put_rule",
            Name=name,
            Description=properties.get("Description"),
            EventPattern=None if pattern is None else json.dumps(pattern),
            ScheduleExpression=properties.get("ScheduleExpression"),
            State=properties.get("State"),
        )["RuleArn"]
        if properties.get("Targets"):
            answer = call("events", "put_targets", Rule=name, Targets=properties["Targets"])
            for failed in answer.get("FailedEntries", []):
                raise_problem({"Code": failed["ErrorCode"], "Message": failed["ErrorMessage"]})
        return str(arn)


@provides
class ScheduleProvider(Provider):
    """EventBridge schedule."""

    type = "AWS::Scheduler::Schedule"
    known = frozenset(
        {
            "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name", "ScheduleExpression",
            "ScheduleExpressionTimezone", "StartDate", "State", "Target",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("Name", context.name())
        arn = call("scheduler", "create_schedule", **{**properties, "Name": name})["ScheduleArn"]
        SIMULATED_ACCOUNT.part(Schedules, call.account_id, call.region)  # fires from now on
        return PhysicalResource(physical_id=name, attributes={"Arn": arn})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return call("scheduler", "get_schedule", Name=resource.physical_id, GroupName=properties.get("GroupName"))

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        live = self.describe(call, resource, properties)
        return {key: value for key, value in live.items() if key in self.known}

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        call("scheduler", "update_schedule", **{**new, "Name": resource.physical_id})

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("scheduler", "delete_schedule", Name=resource.physical_id, GroupName=properties.get("GroupName"))


@provides
class StateMachineProvider(Provider):
    """Step Functions state machine."""

    type = "AWS::StepFunctions::StateMachine"
    known = frozenset(
        {
            "Definition", "DefinitionString", "LoggingConfiguration", "RoleArn", "StateMachineName",
            "StateMachineType", "Tags", "TracingConfiguration",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        arn = call(
            "stepfunctions",
            "create_state_machine",
            name=properties.get("StateMachineName", context.name(most=80)),
            definition=_definition(properties),
            roleArn=properties["RoleArn"],
            type=properties.get("StateMachineType", "STANDARD"),
            loggingConfiguration=_lower(properties.get("LoggingConfiguration")),
            tracingConfiguration=_lower(properties.get("TracingConfiguration")),
            tags=[{"key": tag["Key"], "value": tag["Value"]} for tag in tags_of(properties)] or None,
        )["stateMachineArn"]
        return PhysicalResource(physical_id=arn, attributes={"Arn": arn, "Name": arn.rpartition(":")[2]})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return call("stepfunctions", "describe_state_machine", stateMachineArn=resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        call(
            "stepfunctions",
            "update_state_machine",
            stateMachineArn=resource.physical_id,
            definition=_definition(new),
            roleArn=new["RoleArn"],
            loggingConfiguration=_lower(new.get("LoggingConfiguration")),
            tracingConfiguration=_lower(new.get("TracingConfiguration")),
        )

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("stepfunctions", "delete_state_machine", stateMachineArn=resource.physical_id)


def _definition(properties: Properties) -> str:
    if "Definition" in properties:
        return json.dumps(properties["Definition"])
    if "DefinitionString" in properties:
        return str(properties["DefinitionString"])
    raise Refusal("InvalidDefinition", "a state machine needs Definition or DefinitionString")


def _lower(value: Any) -> Any:
    """Keys as the API of Step Functions has them."""
    if isinstance(value, Mapping):
        return {key[0].lower() + key[1:]: _lower(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_lower(item) for item in value]
    return value
