"""Custom resources of secondary networks: the function of `ultrafleet.secondary_network_function` runs as it is.

It gets CloudFormation's events, and its calls of EC2's Query API go to the embedded EC2 through boto3, which checks
each of them by EC2's model.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from ultrafleet.rehearsal.calls import Calls, client
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    provides,
)
from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.secondary_network_function import SECONDARY_INTERFACES, SECONDARY_SUBNET, index

_TIME_S = 900.0
"""Seconds that Lambda gives the function; none passes here."""


class _FunctionProvider(Provider):
    """Provider that calls the function."""

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        return self._run(call, context.logical_id, {"RequestType": "Create", "ResourceProperties": properties})

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        event = {"RequestType": "Update", "ResourceProperties": new, "OldResourceProperties": old}
        made = self._run(call, resource.physical_id, {**event, "PhysicalResourceId": resource.physical_id})
        if made.physical_id != resource.physical_id:
            # CloudFormation deletes the old one when the whole update is done.
            self.delete(call, resource, old)
        resource.physical_id, resource.attributes = made.physical_id, made.attributes

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        event = {"RequestType": "Delete", "ResourceProperties": properties, "PhysicalResourceId": resource.physical_id}
        self._run(call, resource.physical_id, event)

    def _run(self, call: Calls, logical_id: str, event: Mapping[str, Any]) -> PhysicalResource:
        function = event["ResourceProperties"]["ServiceToken"].rpartition(":")[2]
        call("lambda", "get_function", FunctionName=function)
        whole = {"ResourceType": self.type, "LogicalResourceId": logical_id, "RequestId": str(uuid.uuid4()), **event}
        try:
            made = index.handle(
                whole, EmbeddedEc2(call.account_id, call.region), time_left=lambda: _TIME_S, sleep=lambda _: None
            )
        except (index.RefusedError, index.Ec2Error) as error:
            raise Refusal(getattr(error, "code", "CustomResource"), index.reason(whole, error)) from error
        return PhysicalResource(
            physical_id=made["PhysicalResourceId"], attributes={k: str(v) for k, v in made.get("Data", {}).items()}
        )


@provides
class SecondarySubnetProvider(_FunctionProvider):
    """Secondary subnet."""

    type = SECONDARY_SUBNET
    known = frozenset({"AvailabilityZone", "Ipv4CidrBlock", "Name", "SecondaryNetworkId", "ServiceToken"})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_secondary_subnets", SecondarySubnetIds=[resource.physical_id])
        return dict(found["SecondarySubnets"][0])


@provides
class SecondaryInterfacesProvider(_FunctionProvider):
    """Launch template version with secondary interfaces."""

    type = SECONDARY_INTERFACES
    known = frozenset({"LatestVersionNumber", "LaunchTemplateId", "SecondaryInterfaces", "ServiceToken"})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        version = resource.attributes["VersionNumber"]
        found = call(
            "ec2",
            "describe_launch_template_versions",
            LaunchTemplateId=properties["LaunchTemplateId"],
            Versions=[version],
        )
        return dict(found["LaunchTemplateVersions"][0])


class EmbeddedEc2:
    """EC2 as the function calls it: names of the Query API, translated by EC2's model.

    Args:
        account_id: the caller's account.
        region: the region.
    """

    def __init__(self, account_id: str, region: str) -> None:
        self._client = client("ec2", account_id, region)
        self.called: list[str] = []
        """Actions that were called."""

    def __call__(self, action: str, **parameters: Any) -> Any:
        """Answer of an action, as its XML spells it.

        Raises:
            Ec2Error: EC2 refused the call.
            KeyError: EC2's model doesn't have a parameter.
        """
        self.called.append(action)
        operation = self._client.meta.service_model.operation_model(action)
        given = _given(operation.input_shape, parameters)
        method = next(name for name, of in self._client.meta.method_to_api_mapping.items() if of == action)
        try:
            answer = getattr(self._client, method)(**given)
        except self._client.exceptions.ClientError as error:
            problem = error.response["Error"]
            raise index.Ec2Error(problem["Code"], problem.get("Message", "")) from error
        return _answered(operation.output_shape, answer) if operation.output_shape is not None else {}


def _given(shape: Shape, value: Any) -> Any:
    """A parameter of the Query API as boto3 takes it."""
    if isinstance(shape, StructureShape):
        names = {_query_name(name, member): name for name, member in shape.members.items()}
        return {names[key]: _given(shape.members[names[key]], inner) for key, inner in value.items()}
    if isinstance(shape, ListShape):
        return [_given(shape.member, inner) for inner in value]
    return str(value) if shape.type_name == "string" else value


def _query_name(name: str, shape: Shape) -> str:
    """Name of a member in EC2's Query API (botocore, EC2Serializer)."""
    stated = shape.serialization.get("queryName") or shape.serialization.get("name") or name
    return str(stated[0].upper() + stated[1:])


def _answered(shape: Shape, value: Any) -> Any:
    """A part of boto3's answer as the XML has it."""
    if isinstance(shape, StructureShape):
        return {
            str(member.serialization.get("name", name)): _answered(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [_answered(shape.member, inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
