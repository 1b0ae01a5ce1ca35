"""TestMetricFilter of CloudWatch Logs, by the patterns that the embedded AWS reads."""

import json

from moto.logs.responses import LogsResponse

from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.cloudwatch.filter_pattern import matches
from ultrafleet.rehearsal.simulated_account import Refusal


def install() -> None:
    """Add the operation to moto's CloudWatch Logs."""
    LogsResponse.test_metric_filter = _test  # type: ignore[attr-defined]


def _test(self: LogsResponse) -> str:
    pattern, messages = self._get_param("filterPattern"), self._get_param("logEventMessages")
    try:
        found = [index for index, message in enumerate(messages) if matches(pattern, message)]
    except FleetError as error:
        raise Refusal("InvalidParameterException", f"Invalid metric filter pattern: {error}") from error
    answers = [{"eventNumber": index + 1, "eventMessage": messages[index], "extractedValues": {}} for index in found]
    return json.dumps({"matches": answers})
