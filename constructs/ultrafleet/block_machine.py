"""State machine of the block schedule: schedule/data/block_schedule.asl.json with its placeholders filled.

The file is plain Amazon States Language with `${Name}` placeholders, as Workflow Studio, the AWS Toolkit and SAM read
it. Its longest expression is laid out in schedule/data/block_plan.jsonata. Why the machine is as it is:

Query language JSONata compares a moment with another one less a lead, which JSONPath can't. Every moment is compared
with the start of the execution, so that one execution sees one time. Parameters and results of SDK integrations are in
PascalCase, and errors are named Service.ErrorException (Step Functions developer guide, AWS SDK service integrations,
high). A failure at one pool must not stop the others, and an expression that fails can be caught in a Task but not in a
Pass or a Choice: whatever may fail is computed where a Task ends.

- TimeoutSeconds is shorter than a tick, so that executions don't overlap.
- DescribeReservations: one request for all blocks and not one for each, because EC2's request rate is the account's.
  Fifty reservations stay well below the 256 KiB that a state may return, which nothing can catch (high).
- Retry: three more times with a growing pause on any error, because throttling has a name of its own in each service;
  errors that another try would only repeat have MaxAttempts 0.
- ListAutoScalingGroups finds those of the cluster by their tag. It asks for no instances: those of some twelve racks
  alone are more than a state may return.
- DescribeNodeGroup catches a group that was deleted since it was listed; an Auto Scaling group is then missing from the
  answer, which has no order and so no plan.
- DescribeAutoScalingGroup describes it once more, though the list has all of it: an expression that fails there fails
  for this group alone.
- The plan leaves out a group in CREATING, which takes no update yet, and one in DELETING. It compares the lead's tag
  with its digits before $number reads it, because versions of JSONata differ in what else they take for a number.
- SetSize catches another update that is in progress; the next execution tries again.
- DescribeImpaired and PutImpaired come last: the interconnect of an UltraServer has no metric and no event of EC2's, so
  the number of impaired ones of this account and region becomes a metric, for an alarm. Where either call fails, the
  execution succeeds: the pools are sized, and the metric has no figure. The first page is enough, since the alarm asks
  for one.
- Unreported fails the execution: those pools are not in the dead-letter queue, so the alarm on failed executions
  reports them.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any, Final

from ultrafleet.catalog import CapacityBlockRules, InstanceType
from ultrafleet.catalog.capacity_blocks import in_minutes
from ultrafleet.catalog.metrics import IMPAIRED_BLOCKS, fleet_namespace
from ultrafleet.kubernetes import POOL_LABEL
from ultrafleet.rules.block_clock import LONGEST_LEAD_MINUTES, least_drain_lead_minutes
from ultrafleet.rules.schedule_tags import FOLLOW_BLOCKS, HOLD, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.rules.self_managed import CLUSTER_TAG

DEFINITION_FILE: Final = files("ultrafleet") / "schedule" / "data" / "block_schedule.asl.json"

_PLACEHOLDER: Final = re.compile(r"\$\{(\w+)\}")
_RULES: Final = {
    "ClusterTag": CLUSTER_TAG,
    "FollowBlocks": FOLLOW_BLOCKS,
    "Hold": HOLD,
    "ImpairedBlocks": IMPAIRED_BLOCKS,
    "LeadTag": LEAD_TAG,
    "LeastLeadOfInstances": str(least_drain_lead_minutes(ultraserver=False)),
    "LeastLeadOfUltraServer": str(least_drain_lead_minutes(ultraserver=True)),
    "LongestLead": str(LONGEST_LEAD_MINUTES),
    "PoolLabel": POOL_LABEL,
    "ReservationTag": RESERVATION_TAG,
    "ScheduleTag": SCHEDULE_TAG,
    "StateLateMinutes": str(in_minutes(CapacityBlockRules.STATE_LATE)),
    "UltraServerInstanceTypes": ",".join(
        sorted(kind.name for kind in InstanceType.all() if kind.is_ultraserver_member and kind.name is not None)
    ),
}


def state_machine_definition(*, cluster_name: str, dead_letter_queue_url: str) -> dict[str, Any]:
    """Definition of the state machine for a cluster, as plain data.

    Args:
        cluster_name: cluster whose node groups and Auto Scaling groups it sizes; a plain name or a token.
        dead_letter_queue_url: queue to which it reports a pool that it could not size.
    """
    values = {
        **_RULES,
        "ClusterName": cluster_name,
        "DeadLetterQueueUrl": dead_letter_queue_url,
        "MetricNamespace": fleet_namespace(cluster_name),
    }
    definition: dict[str, Any] = _filled(json.loads(_text()), values)
    return definition


@cache
def _text() -> str:
    return DEFINITION_FILE.read_text(encoding="utf-8")


def _filled(value: Any, values: dict[str, str]) -> Any:  # noqa: ANN401  # JSON
    """A copy of JSON data with the placeholders of its strings filled."""
    if isinstance(value, dict):
        return {key: _filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return _PLACEHOLDER.sub(lambda match: values[match[1]], value) if isinstance(value, str) else value
