"""Figures of an account's EC2 Capacity Manager, read with boto3."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ultrafleet.cli.aws_session import session
from ultrafleet.cost.months import Month
from ultrafleet.cost.usage import METRICS, Usage, months_of_use
from ultrafleet.doctor import Permission
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError

PERMISSIONS: Final = (
    Permission(action="ec2:GetCapacityManagerAttributes"),
    Permission(action="ec2:GetCapacityManagerMetricData"),
)
"""IAM permissions that the calls need."""
_DAY_SECONDS: Final = 86400
_IDS: Final = 100
"""Reservations of a request (ours: the API states no limit of a condition's values)."""


def read_usage(environment: Environment, reservations: Sequence[str], months: Sequence[Month]) -> Usage:
    """Use of reservations by month, or why there are no figures.

    Args:
        environment: the environment; its account and region are asked.
        reservations: ids of its reservations.
        months: the months.

    Raises:
        FleetError: boto3 isn't installed, there are no credentials, or they may not ask.
    """
    client = session(environment.region).client("ec2")
    attributes = _asked(client, "get_capacity_manager_attributes")

    def nothing(note: str) -> Usage:
        return Usage(account=environment.account, region=environment.region, note=note, until=None, months={})

    if attributes["CapacityManagerStatus"] != "enabled":
        return nothing(
            f"Capacity Manager is disabled in account {environment.account}, {environment.region}: what is used isn't "
            "known; `aws ec2 enable-capacity-manager` switches it on, and its figures begin then"
        )
    until = attributes.get("LatestDatapointTimestamp")
    if until is None or not months:
        status = attributes.get("IngestionStatus", "no state")
        return nothing(f"Capacity Manager of account {environment.account} has no figures yet ({status})")
    results: list[Mapping[str, Any]] = []
    for start in range(0, len(reservations), _IDS):
        results += _results(client, reservations[start : start + _IDS], months)
    return Usage(
        account=environment.account,
        region=environment.region,
        note=f"Capacity Manager of account {environment.account}, {environment.region}: figures until "
        f"{until:%Y-%m-%d %H:%M} UTC",
        until=until,
        months=months_of_use(results),
    )


def _results(client: Any, reservations: Sequence[str], months: Sequence[Month]) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - boto3 has no types
    request: dict[str, Any] = {
        "MetricNames": list(METRICS),
        "StartTime": min(months).start,
        "EndTime": max(months).end,
        "Period": _DAY_SECONDS,
        "GroupBy": ["reservation-id"],
        "FilterBy": [
            {"DimensionCondition": {"Dimension": "reservation-id", "Comparison": "in", "Values": list(reservations)}}
        ],
    }
    while True:
        answer = _asked(client, "get_capacity_manager_metric_data", **request)
        yield from answer["MetricDataResults"]
        if not answer.get("NextToken"):
            return
        request["NextToken"] = answer["NextToken"]


def _asked(client: Any, operation: str, **params: Any) -> Mapping[str, Any]:  # noqa: ANN401 - boto3 has no types
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - of boto3, which is there

    try:
        answer: Mapping[str, Any] = getattr(client, operation)(**params)
    except (BotoCoreError, ClientError) as error:
        needed = ", ".join(permission.action for permission in PERMISSIONS)
        raise FleetError(
            path="EC2 Capacity Manager",
            verb="can't be",
            got=f"asked ({error})",
            expected=f"credentials of the account with {needed}",
            remedy="see `aws sts get-caller-identity`, or leave --used out",
        ) from error
    return answer
