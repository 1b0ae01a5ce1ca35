"""Extension of moto to the embedded AWS, once for a process."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult, BaseResponse
from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.iam.models import iam_backends

from ultrafleet.rehearsal import autoscaling, ec2, eks, events, managed_policies, questions
from ultrafleet.rehearsal.cloudformation import api as cloudformation
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal, about_calls

_ACCOUNT = re.compile(r"Credential=(\d{12})/")
_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[a-z0-9-]+)/")
_DEFAULT_ACCOUNT: list[str] = []
TIME_HEADER: Final = "x-ultrafleet-time"
"""Header of an answer with the simulated time; `Date` stays the machine's, by which SDKs sign."""
_CHANGES_NOTHING = ("Describe", "List", "Get", "Head", "PutMetricData")
"""Beginnings of actions after which the account is as it was: no clock acts on a figure."""


@cache
def install() -> None:
    """Extend moto; a second call does nothing."""
    cloudformation.install()
    # The CDK CLI asks the audit trail why a stack failed; moto doesn't know the call.
    setattr(CloudTrailResponse, "lookup_events", lambda _: ActionResult({"Events": []}))  # noqa: B010  # moto has no such name
    ec2.install()
    autoscaling.install()
    eks.install()
    events.install()
    managed_policies.install()
    questions.install()
    call_action = BaseResponse.call_action

    def checked(response: BaseResponse) -> Any:
        action = str(response._get_action() or "")
        if not action.startswith(_CHANGES_NOTHING):
            SIMULATED_ACCOUNT.changes += 1
        with about_calls(account=response.current_account, region=response.region):
            try:
                SIMULATED_ACCOUNT.check_call(str(response.service_name), action)
            except Refusal as refusal:
                status, headers, body = response.serialized(ActionResult(refusal))
                return status, headers, body
            answer = call_action(response)
        if isinstance(answer, tuple):
            answer[1][TIME_HEADER] = SIMULATED_ACCOUNT.now.isoformat()
        return answer

    _replace(BaseResponse, "call_action", checked)
    _replace(BaseResponse, "get_current_account", _current_account)
    _let_conditional_denials_pass()


def set_default_account(account_id: str | None) -> None:
    """Set the account of callers whose access key names none; None: moto's own."""
    _DEFAULT_ACCOUNT[:] = [] if account_id is None else [account_id]


def caller(authorization: str) -> tuple[str | None, str | None]:
    """Account and region of a signed call, each None where its header doesn't say it.

    Args:
        authorization: the header `Authorization`.
    """
    match = _SCOPE.search(authorization)
    if match is None:
        return None, None
    return _account_of_key(match["key"]), match["region"]


def _current_account(response: BaseResponse) -> str:
    """Account of a call: an access key of twelve digits is its id, and a role's session is the role's account's."""
    match = _ACCOUNT.search(response.headers.get("Authorization", ""))
    return match[1] if match is not None else _account_of_key(response.get_access_key())


def _account_of_key(access_key: str) -> str:
    if re.fullmatch(r"\d{12}", access_key):
        return access_key
    # As moto's `get_account_id_from`, which makes an IAM of every partition in each account that it looks through.
    found = DEFAULT_ACCOUNT_ID
    for account_id, partitions in list(iam_backends.items()):
        if any(access_key in partition.access_keys for partition in list(partitions.values())):
            found = account_id
            break
    return _DEFAULT_ACCOUNT[0] if found == DEFAULT_ACCOUNT_ID and _DEFAULT_ACCOUNT else found


def _let_conditional_denials_pass() -> None:
    """Ignore denials whose condition can't be evaluated.

    moto (5.2.5) applies them, so that no write to the bucket of `cdk bootstrap` would succeed: its policy denies calls
    without TLS.
    """
    permitted = IAMPolicyStatement.is_action_permitted

    def checked(
        statement: IAMPolicyStatement,
        action: str,
        resource: str = "*",
        principal: str | None = None,
        incoming_condition_values: dict[str, str] | None = None,
    ) -> PermissionResult:
        conditional = statement._statement.get("Effect") == "Deny" and "Condition" in statement._statement
        if conditional and not incoming_condition_values:
            return PermissionResult.NEUTRAL
        return permitted(statement, action, resource, principal, incoming_condition_values)

    _replace(IAMPolicyStatement, "is_action_permitted", checked)


def _replace(kind: type, name: str, method: Callable[..., Any]) -> None:
    """Replace a method of moto's, which must exist."""
    getattr(kind, name)
    setattr(kind, name, method)
