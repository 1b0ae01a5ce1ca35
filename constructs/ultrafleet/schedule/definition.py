"""The state machine of the block schedule in Amazon States Language, as plain data.

Query language JSONata: it can compare a moment with another one less a lead, which JSONPath can't. Every moment is
compared with the start of the execution, so that one execution sees one time. Parameters and results of SDK
integrations are in PascalCase, and errors are named Service.ErrorException (Step Functions developer guide, AWS SDK
service integrations, high). A failure at one pool must not stop the others, and an expression that fails can be caught
in a Task but not in a Pass or a Choice: so whatever may fail is computed where a Task ends.
"""

from typing import Any, Final

from ultrafleet.rules.schedule_tags import (
    FOLLOW_BLOCKS,
    GROUP_TAG,
    HOLD,
    LEAD_TAG,
    RESERVATION_TAG,
    SCHEDULE_TAG,
)

TIMEOUT_SECONDS: Final = 240
"""Shorter than a tick, so that executions don't overlap."""

_SDK: Final = "arn:aws:states:::aws-sdk"
_NAMES_PAGE: Final = 100
_RESERVATIONS_PAGE: Final = 50
"""What EC2 says of fifty stays well below the 256 KiB that a state may return, which nothing can catch (high)."""

_NO_PLAN: Final = "{'ids': [], 'more': false, 'wanted': 0, 'sure': true}"
_PLAN: Final = (
    "("
    f" $tag := $pool.tags.`{LEAD_TAG}`;"
    f" $assert($exists($tag), 'the node group has no tag {LEAD_TAG}');"
    " $lead := $number($tag) * 60000;"
    " $now := $toMillis($states.context.Execution.StartTime);"
    " $mine := $reservations[id in $ids];"
    " $active := $mine[state = 'active'];"
    " $closing := $count($active[$toMillis(end) - $lead <= $now]) > 0;"
    " {"
    " 'ids': $ids,"
    " 'more': $more,"
    " 'wanted': $closing ? 0 : $min([$pool.max, $sum([0, $active.instances])]),"
    " 'sure': $closing or ($count($ids) > 0 and $count($mine) = $count($ids))"
    " }"
    " )"
)
"""What is to be done with `$pool`, whose blocks are `$ids`.

The size wanted is what `ultrafleet.rules.block_clock.wanted_size` says in Python. Not sure: there is no block, or EC2
says nothing of one, which is no reason to empty a pool.
"""

_PLAN_BY_GROUP: Final = (
    "{% ("
    " $ids := [$append($plan.ids,"
    " $states.result.Resources.$substringAfter(Identifier.ResourceArn, 'capacity-reservation/'))];"
    " $more := $states.result.NextToken ? true : false;"
    f" {_PLAN}"
    " ) %}"
)
_PLAN_BY_RESERVATION: Final = (
    "{% ("
    " $pool := $states.result.Nodegroup.{'tags': Tags, 'max': ScalingConfig.MaxSize};"
    f" $ids := [$pool.tags.`{RESERVATION_TAG}`];"
    " $more := false;"
    f" $pool.tags.`{SCHEDULE_TAG}` = '{FOLLOW_BLOCKS}' and $count($ids) > 0 ? {_PLAN} : {_NO_PLAN}"
    " ) %}"
)


def state_machine_definition(*, cluster_name: str, dead_letter_queue_url: str) -> dict[str, Any]:
    """The machine.

    Args:
        cluster_name: cluster whose node groups it sizes.
        dead_letter_queue_url: where it reports a pool that it could not size.
    """
    return {
        "Comment": "Sizes the node groups on capacity blocks: up when a block is active, empty before EC2 reclaims it",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "TimeoutSeconds": TIMEOUT_SECONDS,
        "States": {
            "Begin": {
                "Type": "Pass",
                "Assign": {
                    "reservations": [],
                    "names": [],
                    "reservationRequest": {"MaxResults": _RESERVATIONS_PAGE},
                    "nameRequest": {"ClusterName": cluster_name, "MaxResults": _NAMES_PAGE},
                },
                "Next": "DescribeReservations",
            },
            **_pages(
                first="DescribeReservations",
                resource=f"{_SDK}:ec2:describeCapacityReservations",
                request="reservationRequest",
                into="reservations",
                # One request for all, and not one for each block: EC2's request rate is the account's.
                items=(
                    "$states.result.CapacityReservations[ReservationType = 'capacity-block'].{'id':"
                    " CapacityReservationId, 'state': State, 'end': EndDate, 'instances': TotalInstanceCount}"
                ),
                then="ListNodeGroups",
            ),
            **_pages(
                first="ListNodeGroups",
                resource=f"{_SDK}:eks:listNodegroups",
                request="nameRequest",
                into="names",
                items="$states.result.Nodegroups",
                then="EachNodeGroup",
            ),
            "EachNodeGroup": {
                "Type": "Map",
                "Items": "{% $names %}",
                "MaxConcurrency": 5,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "DescribeNodeGroup",
                    "States": _node_group_states(cluster_name, dead_letter_queue_url),
                },
                "Output": {"unreported": "{% $count($states.result.unreported) %}"},
                "Next": "IsAllReported",
            },
            "IsAllReported": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $states.input.unreported > 0 %}", "Next": "Unreported"}],
                "Default": "AllDone",
            },
            # Nobody reads of these pools in the queue: the alarm on failed executions tells of them.
            "Unreported": {
                "Type": "Fail",
                "Error": "Unreported",
                "Cause": "{% 'pools neither sized nor reported: ' & $string($states.input.unreported) %}",
            },
            "AllDone": {"Type": "Succeed", "Output": {}},
        },
    }


def _pages(*, first: str, resource: str, request: str, into: str, items: str, then: str) -> dict[str, Any]:
    """Call until there is no next page, and gather the items in a variable."""
    return {
        first: {
            "Type": "Task",
            "Resource": resource,
            "Arguments": f"{{% ${request} %}}",
            "Retry": _retry(),
            "Assign": {into: f"{{% [$append(${into}, {items})] %}}", request: _next_page(request)},
            "Output": {"more": "{% $states.result.NextToken ? true : false %}"},
            "Next": f"{first}Again",
        },
        f"{first}Again": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.more %}", "Next": first}],
            "Default": then,
        },
    }


def _next_page(request: str) -> str:
    return f"{{% $merge([${request}, {{'NextToken': $states.result.NextToken}}]) %}}"


def _retry(*final: str) -> list[dict[str, Any]]:
    """Three more times with a growing pause: throttling has a name of its own in each service.

    Args:
        final: errors that another try would only repeat.
    """
    retry = {
        "ErrorEquals": ["States.TaskFailed"],
        "BackoffRate": 2,
        "IntervalSeconds": 2,
        "JitterStrategy": "FULL",
        "MaxAttempts": 3,
    }
    never = [{"ErrorEquals": [*final], "MaxAttempts": 0}] if final else []
    return [*never, retry]


def _node_group_states(cluster_name: str, dead_letter_queue_url: str) -> dict[str, Any]:
    report: dict[str, Any] = {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"failure": "{% $states.errorOutput %}"},
        "Next": "Report",
    }
    gone, busy = "Eks.ResourceNotFoundException", "Eks.ResourceInUseException"
    return {
        "DescribeNodeGroup": {
            "Type": "Task",
            "Resource": f"{_SDK}:eks:describeNodegroup",
            "Arguments": {"ClusterName": cluster_name, "NodegroupName": "{% $states.input %}"},
            "Assign": {
                "pool": (
                    "{% $states.result.Nodegroup.{'name': NodegroupName, 'tags': Tags, 'status': Status,"
                    " 'desired': ScalingConfig.DesiredSize, 'max': ScalingConfig.MaxSize} %}"
                ),
                "plan": _PLAN_BY_RESERVATION,
                "groupRequest": (f"{{% {{'Group': $states.result.Nodegroup.Tags.`{GROUP_TAG}`, 'MaxResults': 50}} %}}"),
            },
            "Retry": _retry(gone, "States.QueryEvaluationError"),
            "Catch": [
                # Deleted since it was listed.
                {"ErrorEquals": [gone], "Next": "Done"},
                {
                    **report,
                    "Assign": {
                        "pool": {"name": "{% $states.input %}"},
                        "plan": {},
                        "failure": "{% $states.errorOutput %}",
                    },
                },
            ],
            "Next": "IsScheduled",
        },
        "IsScheduled": {
            "Type": "Choice",
            "Choices": [
                # One that is being made is empty and takes no update yet; whoever deletes one empties it.
                {"Condition": "{% $pool.status in ['CREATING', 'DELETING'] %}", "Next": "Done"},
                {"Condition": f"{{% $pool.tags.`{SCHEDULE_TAG}` = '{HOLD}' %}}", "Next": "Compare"},
                {
                    "Condition": f"{{% $pool.tags.`{SCHEDULE_TAG}` = '{FOLLOW_BLOCKS}' and $count($plan.ids) > 0 %}}",
                    "Next": "Compare",
                },
                {"Condition": f"{{% $pool.tags.`{SCHEDULE_TAG}` = '{FOLLOW_BLOCKS}' %}}", "Next": "ListBlocks"},
                {
                    "Condition": f"{{% $exists($pool.tags.`{SCHEDULE_TAG}`) %}}",
                    "Assign": {
                        "plan": {},
                        "failure": {
                            "Error": "UnknownSchedule",
                            "Cause": f"tag {SCHEDULE_TAG} is neither {FOLLOW_BLOCKS} nor {HOLD}",
                        },
                    },
                    "Next": "Report",
                },
            ],
            "Default": "Done",
        },
        "ListBlocks": {
            "Type": "Task",
            "Resource": f"{_SDK}:resourcegroups:listGroupResources",
            "Arguments": "{% $groupRequest %}",
            "Assign": {"plan": _PLAN_BY_GROUP, "groupRequest": _next_page("groupRequest")},
            # A wrong tag stays wrong.
            "Retry": _retry(
                "ResourceGroups.BadRequestException", "ResourceGroups.NotFoundException", "States.QueryEvaluationError"
            ),
            "Catch": [{**report, "Assign": {**report["Assign"], "plan": {}}}],
            "Next": "Compare",
        },
        "Compare": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $plan.more %}", "Next": "ListBlocks"},
                {"Condition": "{% $pool.desired = $plan.wanted %}", "Next": "Done"},
                {
                    "Condition": "{% $pool.desired > $plan.wanted and $not($plan.sure) %}",
                    "Assign": {
                        "failure": {
                            "Error": "UnknownBlock",
                            "Cause": (
                                "the group of blocks is empty or EC2 knows not all of them, so the pool was not made "
                                f"smaller: mend the group, or hold the pool (tag {SCHEDULE_TAG}={HOLD}) to empty it"
                            ),
                        }
                    },
                    "Next": "Report",
                },
            ],
            "Default": "SetSize",
        },
        "SetSize": {
            "Type": "Task",
            "Resource": f"{_SDK}:eks:updateNodegroupConfig",
            "Arguments": {
                "ClusterName": cluster_name,
                "NodegroupName": "{% $pool.name %}",
                "ScalingConfig": {"MinSize": 0, "MaxSize": "{% $pool.max %}", "DesiredSize": "{% $plan.wanted %}"},
            },
            "Retry": _retry(busy, gone),
            "Catch": [
                # Another update is under way; the next tick tries again.
                {**report, "ErrorEquals": [busy], "Next": "IsDraining"},
                {"ErrorEquals": [gone], "Next": "Done"},
                report,
            ],
            "Next": "Done",
        },
        "IsDraining": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $plan.wanted < $pool.desired %}", "Next": "Report"}],
            "Default": "Done",
        },
        "Report": {
            "Type": "Task",
            "Resource": f"{_SDK}:sqs:sendMessage",
            "Arguments": {
                "QueueUrl": dead_letter_queue_url,
                "MessageBody": (
                    f"{{% $string({{'cluster': '{cluster_name}', 'pool': $pool.name, 'desired': $pool.desired,"
                    " 'wanted': $plan.wanted, 'error': $failure.Error, 'cause': $failure.Cause}) %}"
                ),
            },
            "Retry": _retry(),
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "NotReported"}],
            "Next": "Done",
        },
        "Done": {"Type": "Succeed", "Output": {}},
        "NotReported": {"Type": "Succeed", "Output": {"unreported": "{% $pool.name %}"}},
    }
