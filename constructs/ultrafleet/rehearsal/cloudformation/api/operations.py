"""Handlers of CloudFormation's operations: their registration, and the stack that a call is about."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.core.responses import ActionResult

from ultrafleet.rehearsal.cloudformation.engine import limits, requests
from ultrafleet.rehearsal.cloudformation.state import Stack, Stacks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

Handler = Callable[[CloudFormationResponse], ActionResult]

OPERATIONS: Final[dict[str, Handler]] = {}
_PAGE: Final = 100


def operation(handler: Handler) -> Handler:
    """Decorator: answers an operation, by the handler's name, in the place of moto's or beside it."""
    OPERATIONS[handler.__name__] = handler
    return handler


def stacks_of(response: CloudFormationResponse) -> Stacks:
    """Stacks of the caller's account and region."""
    return SIMULATED_ACCOUNT.part(Stacks, response.current_account, response.region)


def asked_stack(response: CloudFormationResponse) -> Stack:
    """Stack that a call names.

    Raises:
        Refusal: there is none.
    """
    return stacks_of(response).get(response._get_param("StackName"))


def is_set(response: CloudFormationResponse, name: str) -> bool:
    """True where a boolean parameter is true."""
    return response._get_param(name) in {True, "true"}


def template_body(response: CloudFormationResponse, stacks: Stacks) -> str:
    """Template that a call gives, names by URL, or has from the stack."""
    url = response._get_param("TemplateURL")
    if url:
        body = get_stack_from_s3_url(url, account_id=response.current_account, partition=response.partition)
        text = body if isinstance(body, str) else body.decode()
        limits.check_size(text, inline=False)
        return text
    if is_set(response, "UsePreviousTemplate"):
        return stacks.get(response._get_param("StackName")).body
    text = str(response._get_param("TemplateBody"))
    limits.check_size(text, inline=True)
    return text


def requested_stack(response: CloudFormationResponse) -> Stack:
    """Stack as a call wants it: name, template, parameters, tags."""
    stacks = stacks_of(response)
    name = response._get_param("StackName")
    if name.startswith("arn:"):
        name = stacks.get(name).name
    existing = stacks.named(name)
    parameters: dict[str, str] = {}
    for given in response._get_param("Parameters", []):
        key = given["ParameterKey"]
        if given.get("UsePreviousValue") in {True, "true"}:
            if existing is not None and key in existing.parameters:
                parameters[key] = existing.parameters[key]
        else:
            parameters[key] = given["ParameterValue"]
    return requests.new_stack(
        stacks,
        name,
        template_body(response, stacks),
        parameters,
        tags={tag["Key"]: tag["Value"] for tag in response._get_param("Tags", [])},
        capabilities=list(response._get_param("Capabilities", [])),
        role_arn=response._get_param("RoleARN"),
    )


def page(items: Sequence[Any], response: CloudFormationResponse, *, most: int = _PAGE) -> tuple[list[Any], str | None]:
    """Page of a list, and the token of the next one."""
    token = response._get_param("NextToken")
    if token is not None and not str(token).isdigit():
        raise Refusal("ValidationError", f"Invalid NextToken: {token}")
    start, size = int(token or 0), min(int(response._get_param("MaxResults") or most), most)
    return list(items[start : start + size]), str(start + size) if start + size < len(items) else None


def parameter_list(stack: Stack) -> list[dict[str, Any]]:
    """Parameters of a stack as the API lists them."""
    return [
        {"ParameterKey": key, "ParameterValue": ",".join(value) if isinstance(value, list) else str(value)}
        for key, value in stack.resolved_parameters.items()
    ]


def tag_list(stack: Stack) -> list[dict[str, str]]:
    """Tags of a stack as the API lists them."""
    return [{"Key": key, "Value": value} for key, value in stack.tags.items()]
