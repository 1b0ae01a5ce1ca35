"""Log groups, alarms and dashboards."""

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
    only_changed,
    provides,
    tags_of,
)


@provides
class LogGroup(Provider):
    """Log group."""

    type = "AWS::Logs::LogGroup"
    known = frozenset({"KmsKeyId", "LogGroupClass", "LogGroupName", "RetentionInDays", "Tags"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("LogGroupName", place.name(most=512))
        call(
            "logs",
            "create_log_group",
            logGroupName=name,
            kmsKeyId=properties.get("KmsKeyId"),
            tags={tag["Key"]: tag["Value"] for tag in tags_of(properties)} or None,
        )
        self._set_retention(call, name, properties)
        arn = f"arn:aws:logs:{call.region}:{call.account_id}:log-group:{name}:*"
        return PhysicalResource(physical_id=name, attributes={"Arn": arn})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        groups = call("logs", "describe_log_groups", logGroupNamePrefix=made.physical_id)["logGroups"]
        mine = [group for group in groups if group["logGroupName"] == made.physical_id]
        return find(mine, "ResourceNotFoundException", made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "RetentionInDays")
        self._set_retention(call, made.physical_id, new)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("logs", "delete_log_group", logGroupName=made.physical_id)

    @staticmethod
    def _set_retention(call: Calls, name: str, properties: Properties) -> None:
        if "RetentionInDays" in properties:
            days = int(properties["RetentionInDays"])
            call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)


@provides
class Alarm(Provider):
    """CloudWatch alarm."""

    type = "AWS::CloudWatch::Alarm"
    known = frozenset(
        {
            "ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator",
            "DatapointsToAlarm", "Dimensions", "EvaluationPeriods", "ExtendedStatistic", "InsufficientDataActions",
            "MetricName", "Metrics", "Namespace", "OKActions", "Period", "Statistic", "Tags", "Threshold",
            "TreatMissingData", "Unit",
        }
    )  # fmt: skip

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("AlarmName", place.name(most=255))
        self._put(call, name, properties)
        found = self.read(call, PhysicalResource(physical_id=name), properties)
        return PhysicalResource(physical_id=name, attributes={"Arn": found["AlarmArn"]})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("cloudwatch", "describe_alarms", AlarmNames=[made.physical_id])["MetricAlarms"]
        return find(found, "ResourceNotFound", made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        self._put(call, made.physical_id, new)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("cloudwatch", "delete_alarms", AlarmNames=[made.physical_id])

    @staticmethod
    def _put(call: Calls, name: str, properties: Properties) -> None:
        numbers = {"DatapointsToAlarm": int, "EvaluationPeriods": int, "Period": int, "Threshold": float}
        given = {key: numbers[key](value) if key in numbers else value for key, value in properties.items()}
        call("cloudwatch", "put_metric_alarm", **{**given, "AlarmName": name})


@provides
class Dashboard(Provider):
    """CloudWatch dashboard."""

    type = "AWS::CloudWatch::Dashboard"
    known = frozenset({"DashboardBody", "DashboardName"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("DashboardName", place.name(most=255))
        json.loads(properties["DashboardBody"])
        call("cloudwatch", "put_dashboard", DashboardName=name, DashboardBody=properties["DashboardBody"])
        return PhysicalResource(physical_id=name)

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return call("cloudwatch", "get_dashboard", DashboardName=made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "DashboardBody")
        call("cloudwatch", "put_dashboard", DashboardName=made.physical_id, DashboardBody=new["DashboardBody"])

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("cloudwatch", "delete_dashboards", DashboardNames=[made.physical_id])
