"""Cloud Control API, as far as `cdk deploy --hotswap` calls it: resources of stacks updated behind CloudFormation."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers import PROVIDERS
from ultrafleet.rehearsal.cloudformation.state import StackResource, Stacks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

TARGET: Final = "CloudApiService."
"""Begins the `X-Amz-Target` header of its calls."""


def answer(action: str, request: Mapping[str, Any], *, account_id: str, region: str) -> dict[str, Any]:
    """Answer of an operation.

    Args:
        action: name of the operation.
        request: its input.
        account_id: account of the resource.
        region: region of the resource.

    Raises:
        Refusal: there is no such resource in a stack, or the operation isn't modelled.
    """
    operations: dict[str, Callable[[], dict[str, Any]]] = {
        "UpdateResource": lambda: _update(request, account_id, region)
    }
    if action not in operations:
        raise Refusal("UnsupportedActionException", f"the embedded AWS does not model {action} of Cloud Control API")
    return operations[action]()


def _update(request: Mapping[str, Any], account_id: str, region: str) -> dict[str, Any]:
    """Update a resource; what CloudFormation knows of it stays, so that the change is drift."""
    resource_type, identifier = request["TypeName"], request["Identifier"]
    resource = _found(resource_type, identifier, account_id, region)
    wanted = dict(resource.properties)
    for step in json.loads(request["PatchDocument"]):
        name = step["path"].removeprefix("/")
        if "/" in name:
            raise Refusal("UnsupportedActionException", f"the embedded AWS does not model a patch of {step['path']}")
        if step["op"] == "remove":
            wanted.pop(name, None)
        else:
            wanted[name] = step["value"]
    call = Calls(account_id=account_id, region=region)
    PROVIDERS[resource_type].update(call, resource.physical, resource.properties, wanted)
    return {
        "ProgressEvent": {
            "TypeName": resource_type,
            "Identifier": identifier,
            "RequestToken": "00000000-0000-0000-0000-000000000000",
            "Operation": "UPDATE",
            "OperationStatus": "IN_PROGRESS",
        }
    }


def _found(resource_type: str, identifier: str, account_id: str, region: str) -> StackResource:
    for stack in SIMULATED_ACCOUNT.part(Stacks, account_id, region).live:
        for resource in stack.resources.values():
            if (resource.type, resource.physical.physical_id) == (resource_type, identifier):
                return resource
    raise Refusal(
        "ResourceNotFoundException", f"Resource of type '{resource_type}' with identifier '{identifier}' was not found."
    )
