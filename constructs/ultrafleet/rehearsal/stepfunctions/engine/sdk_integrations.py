"""AWS SDK integrations of Step Functions: calls of a state machine to AWS, with the rights of its role."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.models import iam_backends

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.rehearsal.stepfunctions.engine.interpreter import StatesError

_PREFIX: Final = "arn:aws:states:::aws-sdk:"
_SERVICES: Final = {"resourcegroups": "resource-groups", "sfn": "stepfunctions"}
"""Name in a resource ARN -> boto3's, where they differ."""
_SESSION: Final = botocore.session.get_session()


class SdkIntegrations:
    """AWS SDK integrations of one state machine."""

    def __init__(self, *, account_id: str, region: str, role_arn: str) -> None:
        self._call = Calls(account_id=account_id, region=region)
        self._role_name = role_arn.rpartition("/")[2]
        self.writes: list[tuple[str, dict[str, Any]]] = []
        """Calls that change something, and what they were given."""
        self.figures: list[dict[str, Any]] = []
        """Arguments of PutMetricData."""

    def __call__(self, resource: str, arguments: dict[str, Any]) -> Any:
        """Result of an integration.

        Raises:
            StatesError: the resource isn't an SDK integration, or AWS answered with an error.
        """
        if not resource.startswith(_PREFIX):
            raise StatesError("States.Runtime", f"{resource} is not an AWS SDK integration")
        name, _, action = resource.removeprefix(_PREFIX).partition(":")
        service = _SERVICES.get(name, name)
        operation = _operation(service, action)
        given = _rename(arguments, operation.input_shape, _as_api)
        try:
            self._authorize(service, operation.name, given or {})
            answer = self._call(service, xform_name(operation.name), **(given or {}))
        except Refusal as refusal:
            raise StatesError(_error_name(name, refusal.code), str(refusal.message)) from refusal
        if operation.name == "PutMetricData":
            self.figures.append(arguments)
        elif not operation.name.startswith(("Describe", "List", "Get")):
            self.writes.append((operation.name, arguments))
        return _rename(answer, operation.output_shape, _as_state)

    def _authorize(self, service: str, action: str, given: Mapping[str, Any]) -> None:
        """Refuse a call that the role's identity policies don't allow; conditions are not evaluated."""
        backend = iam_backends[self._call.account_id]["aws"]
        role = next((role for role in backend.roles.values() if role.name == self._role_name), None)
        if role is None:
            raise Refusal("AccessDeniedException", f"role {self._role_name} does not exist")
        resource = self._resource(service, given)
        documents: list[Any] = [*role.policies.values(), *role.managed_policies.values()]
        results = [IAMPolicy(document).is_action_permitted(f"{service}:{action}", resource) for document in documents]
        if PermissionResult.DENIED in results or PermissionResult.PERMITTED not in results:
            raise Refusal(
                "AccessDeniedException",
                f"User: arn:aws:sts::{self._call.account_id}:assumed-role/{self._role_name} is not authorized to "
                f"perform: {service}:{action} on resource: {resource}",
            )

    def _resource(self, service: str, given: Mapping[str, Any]) -> str:
        """ARN that the call is about; * for actions that know no resource."""
        head = f"arn:aws:{service}:{self._call.region}:{self._call.account_id}"
        if service == "eks":
            cluster = given.get("clusterName", given.get("name", ""))
            if "nodegroupName" in given:
                return f"{head}:nodegroup/{cluster}/{given['nodegroupName']}/id"
            return f"{head}:cluster/{cluster}"
        if service == "autoscaling" and "AutoScalingGroupName" in given:
            return f"{head}:autoScalingGroup:id:autoScalingGroupName/{given['AutoScalingGroupName']}"
        if service == "sqs":
            return f"{head}:{str(given['QueueUrl']).rpartition('/')[2]}"
        if service == "resource-groups":
            return f"{head}:group/{str(given.get('Group', '')).rpartition('/')[2]}"
        return "*"


def _operation(service: str, action: str) -> OperationModel:
    name = action[0].upper() + action[1:]
    model = _SESSION.get_service_model(service)
    if name not in model.operation_names:
        raise StatesError("States.Runtime", f"{service} has no operation {name}")
    return model.operation_model(name)


def _error_name(service: str, code: str) -> str:
    """`Eks.ResourceInUseException`; every error of EC2 is an `Ec2.Ec2Exception` (Step Functions guide)."""
    prefix = {"resourcegroups": "ResourceGroups"}.get(service, service[0].upper() + service[1:])
    if service == "ec2":
        return "Ec2.Ec2Exception"
    return f"{prefix}.{code}" if code.endswith("Exception") else f"{prefix}.{code}Exception"


def _as_api(key: str, shape: StructureShape) -> str:
    """Name of a member in the API, from PascalCase."""
    for member in shape.members:
        if member[0].upper() + member[1:] == key:
            return str(member)
    raise StatesError("States.Runtime", f"{shape.name} has no field {key}")


def _as_state(key: str, _: StructureShape) -> str:
    return key[0].upper() + key[1:]


def _rename(value: Any, shape: Shape | None, rename: Any) -> Any:
    """A request or an answer with its fields renamed; keys of maps are the user's and stay."""
    if value is None or shape is None:
        return value
    if isinstance(shape, StructureShape):
        renamed = {}
        for key, inner in value.items():
            name = rename(key, shape)
            member = shape.members.get(key) or shape.members[name]
            renamed[name] = _rename(inner, member, rename)
        return renamed
    if isinstance(shape, ListShape):
        return [_rename(item, shape.member, rename) for item in value]
    if isinstance(shape, MapShape):
        return {key: _rename(inner, shape.value, rename) for key, inner in value.items()}
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
