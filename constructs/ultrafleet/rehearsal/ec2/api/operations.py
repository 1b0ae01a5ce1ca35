"""Handlers of EC2 operations: registration, check for injected faults, filters, pages."""

import base64
import binascii
import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

Handler = Callable[[str, str, dict[str, Any]], dict[str, Any]]
"""Account, region and parameters of a call; returns the answer as the API spells it."""

_PAGE: Final = 1000


def add_operation(name: str, handler: Handler) -> None:
    """Let moto's EC2 answer an operation, such as `DescribeCapacityBlocks`, with a handler."""

    def answer(self: Any) -> ActionResult:
        params = dict(self._get_params())
        SIMULATED_ACCOUNT.check_call("ec2", name, params)
        if str(params.get("DryRun", "false")).lower() == "true":
            raise Refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        return ActionResult(handler(self.current_account, self.region, params))

    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
    answer.__name__ = method
    setattr(EC2Response, method, answer)


def page(items: Sequence[Any], params: Mapping[str, Any], *, most: int = _PAGE) -> tuple[list[Any], str | None]:
    """Page of a list by MaxResults and NextToken, and the token of the next page."""
    size = min(int(params.get("MaxResults") or most), most)
    start = _position(params["NextToken"]) if params.get("NextToken") else 0
    if not 0 <= start <= len(items):
        raise _bad_token()
    token = base64.b64encode(f"from:{start + size}".encode()).decode() if start + size < len(items) else None
    return list(items[start : start + size]), token


def _position(token: str) -> int:
    try:
        word, _, position = base64.b64decode(token, validate=True).decode().partition(":")
        if word == "from":
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise _bad_token()


def _bad_token() -> Refusal:
    # EC2 API reference, error codes (high)
    return Refusal("InvalidPaginationToken", "The specified pagination token is not valid or is expired.")


def filtered(items: Iterable[dict[str, Any]], params: Mapping[str, Any], names: Iterable[str]) -> list[dict[str, Any]]:
    """Items that pass the filters of a describe call; tags are always a filter.

    Args:
        items: as the API spells them.
        params: of the call.
        names: filters that the operation knows, `instance-type`; the item has the value as `InstanceType`.
    """
    found = list(items)
    known = set(names)
    for entry in params.get("Filters") or params.get("Filter") or []:
        name, values = entry["Name"], [str(value) for value in entry.get("Values", [])]
        if name not in known and name != "tag-key" and not name.startswith("tag:"):
            raise Refusal("InvalidParameterValue", f"The filter '{name}' is invalid")
        found = [item for item in found if _passes(item, name, values)]
    return found


def _passes(item: Mapping[str, Any], name: str, wanted: Sequence[str]) -> bool:
    if name == "tag-key":
        has = [tag["Key"] for tag in item.get("Tags", [])]
    elif name.startswith("tag:"):
        has = [tag["Value"] for tag in item.get("Tags", []) if tag["Key"] == name.removeprefix("tag:")]
    else:
        value = item.get("".join(word.capitalize() for word in name.split("-")))
        if value is None:
            return False
        has = [value.strftime("%Y-%m-%dT%H:%M:%S.000Z") if isinstance(value, datetime) else str(value)]
    return any(fnmatch.fnmatchcase(one, pattern) for one in has for pattern in wanted)
