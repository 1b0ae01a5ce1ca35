"""EKS operations: registration in the place of moto's, parameters, pages."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from moto.core.responses import ActionResult
from moto.core.utils import get_service_model
from moto.eks import urls
from moto.eks.responses import EKSResponse

from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

Handler = Callable[[Eks, dict[str, Any]], dict[str, Any]]
"""EKS of the caller, and the parameters of the call; returns the answer as the API spells it."""

_HANDLERS: Final[dict[str, Handler]] = {}
_PAGE: Final = 100
_PATHS: Final = {"principalArn", "resourceArn"}
"""ARNs that are part of a path, quoted."""


def operation(handler: Handler) -> Handler:
    """Decorator: answers the operation that has the function's name."""
    _HANDLERS[handler.__name__] = handler
    return handler


def install() -> None:
    """Answer every operation that has a handler."""
    for name, handler in _HANDLERS.items():
        setattr(EKSResponse, name, _answer(handler))
    # moto lists the paths that it knows; botocore's model distinguishes the operations.
    urls.url_paths["{0}/.*$"] = urls.response.dispatch


def _answer(handler: Handler) -> Callable[[EKSResponse], ActionResult]:
    def answer(response: EKSResponse) -> ActionResult:
        eks = SIMULATED_ACCOUNT.part(Eks, response.current_account, response.region)
        return ActionResult(handler(eks, _parameters(response)))

    return answer


def _parameters(response: EKSResponse) -> dict[str, Any]:
    """Parameters of a call by their names in the request; those that were not given are left out."""
    shape = get_service_model("eks").operation_model(response._get_action()).input_shape
    if shape is None:
        return {}
    given: dict[str, Any] = {}
    for member_name, member in shape.members.items():
        name = member.serialization.get("name", member_name)
        value = response._get_param(name)
        if name in _PATHS:
            value = unquote(value)
        elif member.type_name == "list" and name in response.querystring:
            value = list(response.querystring[name])  # moto gives the first alone
        if value is not None:
            given[name] = value
    return given


def page(key: str, items: list[Any], params: dict[str, Any]) -> dict[str, Any]:
    """Page of a list."""
    token = params.get("nextToken")
    if token and not str(token).isdigit():
        raise Refusal("InvalidParameterException", "Invalid pagination token")
    start, most = int(token or 0), int(params.get("maxResults") or _PAGE)
    answer: dict[str, Any] = {key: items[start : start + most]}
    if start + most < len(items):
        answer["nextToken"] = str(start + most)
    return answer
