"""Log groups, their metric filters, alarms and dashboards."""

import json
from collections.abc import Mapping
from typing import Any

from ultrafleet.errors import FleetError
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
from ultrafleet.rehearsal.cloudwatch.filter_pattern import read_pattern
from ultrafleet.rehearsal.simulated_account import Refusal


@provides
class LogGroupProvider(Provider):
    """Log group."""

    type = "AWS::Logs::LogGroup"
    known = frozenset({"KmsKeyId", "LogGroupClass", "LogGroupName", "RetentionInDays", "Tags"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("LogGroupName", context.name(most=512))
        call(
            "logs",
            "create_log_group",
            logGroupName=name,
            kmsKeyId=properties.get("KmsKeyId"),
            tags={tag["Key"]: tag["Value"] for tag in tags_of(properties)} or None,
        )
        self._set_retention(call, name, properties)
        return self._physical(call, name)

    @staticmethod
    def _physical(call: Calls, name: str) -> PhysicalResource:
        arn = f"arn:aws:logs:{call.region}:{call.account_id}:log-group:{name}:*"
        return PhysicalResource(physical_id=name, attributes={"Arn": arn})

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        live = self.describe(call, resource, properties)
        names = {"KmsKeyId": "kmsKeyId", "LogGroupName": "logGroupName", "RetentionInDays": "retentionInDays"}
        return {key: live[name] for key, name in names.items() if name in live}

    def adopt(self, call: Calls, identifier: Mapping[str, str], properties: Properties) -> PhysicalResource:
        found = self._physical(call, identifier["LogGroupName"])
        self.describe(call, found, properties)
        return found

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        groups = call("logs", "describe_log_groups", logGroupNamePrefix=resource.physical_id)["logGroups"]
        mine = [group for group in groups if group["logGroupName"] == resource.physical_id]
        return find(mine, "ResourceNotFoundException", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "RetentionInDays")
        self._set_retention(call, resource.physical_id, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("logs", "delete_log_group", logGroupName=resource.physical_id)

    @staticmethod
    def _set_retention(call: Calls, name: str, properties: Properties) -> None:
        if "RetentionInDays" in properties:
            days = int(properties["RetentionInDays"])
            call("logs", "put_retention_policy", logGroupName=name, retentionInDays=days)


@provides
class MetricFilterProvider(Provider):
    """Metric filter of a log group."""

    type = "AWS::Logs::MetricFilter"
    known = frozenset({"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("FilterName", context.name(most=512))
        self._put(call, name, properties)
        return PhysicalResource(physical_id=name)

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        given = {"logGroupName": properties["LogGroupName"], "filterNamePrefix": resource.physical_id}
        found = call("logs", "describe_metric_filters", **given)["metricFilters"]
        return find(found, "ResourceNotFoundException", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        self._put(call, resource.physical_id, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        given = {"logGroupName": properties["LogGroupName"], "filterName": resource.physical_id}
        call("logs", "delete_metric_filter", **given)

    @staticmethod
    def _put(call: Calls, name: str, properties: Properties) -> None:
        try:
            read_pattern(properties["FilterPattern"])
        except FleetError as error:
            raise Refusal("InvalidParameterException", f"Invalid metric filter pattern: {error}") from error
        call(
            "logs",
            "put_metric_filter",
            logGroupName=properties["LogGroupName"],
            filterName=name,
            filterPattern=properties["FilterPattern"],
            metricTransformations=[_transformation(item) for item in properties["MetricTransformations"]],
        )


def _transformation(stated: Mapping[str, Any]) -> dict[str, Any]:
    """A metric transformation as the API takes it."""
    given = {key[0].lower() + key[1:]: value for key, value in stated.items() if key != "Dimensions"}
    if "defaultValue" in given:
        given["defaultValue"] = float(given["defaultValue"])
    dimensions = {item["Key"]: item["Value"] for item in stated.get("Dimensions", ())}
    return {**given, **({"dimensions": dimensions} if dimensions else {})}


@provides
class AlarmProvider(Provider):
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

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("AlarmName", context.name(most=255))
        self._put(call, name, properties)
        found = self.describe(call, PhysicalResource(physical_id=name), properties)
        return PhysicalResource(physical_id=name, attributes={"Arn": found["AlarmArn"]})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("cloudwatch", "describe_alarms", AlarmNames=[resource.physical_id])["MetricAlarms"]
        return find(found, "ResourceNotFound", resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        self._put(call, resource.physical_id, new)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("cloudwatch", "delete_alarms", AlarmNames=[resource.physical_id])

    @staticmethod
    def _put(call: Calls, name: str, properties: Properties) -> None:
        numbers = {"DatapointsToAlarm": int, "EvaluationPeriods": int, "Period": int, "Threshold": float}
        given = {key: numbers[key](value) if key in numbers else value for key, value in properties.items()}
        call("cloudwatch", "put_metric_alarm", **{**given, "AlarmName": name})


@provides
class DashboardProvider(Provider):
    """CloudWatch dashboard."""

    type = "AWS::CloudWatch::Dashboard"
    known = frozenset({"DashboardBody", "DashboardName"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("DashboardName", context.name(most=255))
        json.loads(properties["DashboardBody"])
        call("cloudwatch", "put_dashboard", DashboardName=name, DashboardBody=properties["DashboardBody"])
        return PhysicalResource(physical_id=name)

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return call("cloudwatch", "get_dashboard", DashboardName=resource.physical_id)

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "DashboardBody")
        call("cloudwatch", "put_dashboard", DashboardName=resource.physical_id, DashboardBody=new["DashboardBody"])

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("cloudwatch", "delete_dashboards", DashboardNames=[resource.physical_id])
