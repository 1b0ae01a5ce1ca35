"""The state machine of the block schedule in Amazon States Language, as plain data.

Query language JSONata: it can compare a moment with another one less a lead, which JSONPath can't. Every moment is
compared with the start of the execution, so that one execution sees one time. Parameters and results of SDK
integrations are in PascalCase (Step Functions developer guide, AWS SDK service integrations, high).
"""

from typing import Any, Final

from ultrafleet.rules.schedule_tags import GROUP_TAG, HOLD, LEAD_TAG, SCHEDULE_TAG

TIMEOUT_SECONDS: Final = 240
"""Shorter than a tick, so that executions don't overlap."""

_SDK: Final = "arn:aws:states:::aws-sdk"
_PAGE: Final = 100
"""Reservations a page: what EC2 says of a hundred stays below the 256 KiB that a state may return (quotas, high)."""

_RETRY: Final = [
    {
        # Throttling has a name of its own in each service; a call that can't succeed fails the same way three times.
        "ErrorEquals": ["States.TaskFailed"],
        "BackoffRate": 2,
        "IntervalSeconds": 2,
        "JitterStrategy": "FULL",
        "MaxAttempts": 3,
    }
]

_WANTED: Final = (
    "{% ("
    f" $lead := $number($pool.tags.`{LEAD_TAG}`) * 60000;"
    " $now := $toMillis($states.context.Execution.StartTime);"
    " $active := $reservations[id in $blocks];"
    " $closing := $active[$toMillis(end) - $lead <= $now];"
    " $count($closing) > 0 ? 0 : $min([$pool.max, $sum([0, $active.instances])])"
    " ) %}"
)
"""Size wanted; `ultrafleet.rules.block_clock.wanted_size` says the same in Python."""


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
                    "reservationRequest": {
                        "Filters": [{"Name": "state", "Values": ["active"]}],
                        "MaxResults": _PAGE,
                    },
                    "nameRequest": {"ClusterName": cluster_name, "MaxResults": _PAGE},
                },
                "Next": "DescribeActiveReservations",
            },
            **_pages(
                first="DescribeActiveReservations",
                resource=f"{_SDK}:ec2:describeCapacityReservations",
                request="reservationRequest",
                into="reservations",
                items=(
                    "$states.result.CapacityReservations[ReservationType = 'capacity-block']"
                    ".{'id': CapacityReservationId, 'end': EndDate, 'instances': TotalInstanceCount}"
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
                "Output": {},
                "End": True,
            },
        },
    }


def _pages(*, first: str, resource: str, request: str, into: str, items: str, then: str) -> dict[str, Any]:
    """Call until there is no next page, and gather the items in a variable."""
    return {
        first: {
            "Type": "Task",
            "Resource": resource,
            "Arguments": f"{{% ${request} %}}",
            "Retry": _RETRY,
            "Assign": {
                into: f"{{% [$append(${into}, {items})] %}}",
                request: f"{{% $merge([${request}, {{'NextToken': $states.result.NextToken}}]) %}}",
            },
            "Output": "{% {'more': $exists($states.result.NextToken)} %}",
            "Next": f"{first}Again",
        },
        f"{first}Again": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.more %}", "Next": first}],
            "Default": then,
        },
    }


def _node_group_states(cluster_name: str, dead_letter_queue_url: str) -> dict[str, Any]:
    report = [
        {
            "ErrorEquals": ["States.ALL"],
            "Assign": {"failure": "{% $states.errorOutput %}"},
            "Next": "Report",
        }
    ]
    return {
        "DescribeNodeGroup": {
            "Type": "Task",
            "Resource": f"{_SDK}:eks:describeNodegroup",
            "Arguments": {"ClusterName": cluster_name, "NodegroupName": "{% $states.input %}"},
            "Assign": {
                "pool": (
                    "{% $states.result.Nodegroup.{'name': NodegroupName, 'tags': Tags,"
                    " 'desired': ScalingConfig.DesiredSize, 'max': ScalingConfig.MaxSize} %}"
                ),
                "wanted": 0,
            },
            "Retry": _RETRY,
            "Catch": [
                # Deleted since it was listed.
                {"ErrorEquals": ["Eks.ResourceNotFoundException"], "Next": "Done"},
                {
                    **report[0],
                    "Assign": {"pool": {"name": "{% $states.input %}"}, "failure": "{% $states.errorOutput %}"},
                },
            ],
            "Next": "IsScheduled",
        },
        "IsScheduled": {
            "Type": "Choice",
            "Choices": [
                {"Condition": f"{{% $pool.tags.`{SCHEDULE_TAG}` = '{HOLD}' %}}", "Next": "IsRight"},
                {"Condition": f"{{% $exists($pool.tags.`{SCHEDULE_TAG}`) %}}", "Next": "ListBlocks"},
            ],
            "Default": "Done",
        },
        "ListBlocks": {
            "Type": "Task",
            # One page is enough: a pool has a few blocks, and a page holds fifty.
            "Resource": f"{_SDK}:resourcegroups:listGroupResources",
            "Arguments": {"Group": f"{{% $pool.tags.`{GROUP_TAG}` %}}", "MaxResults": 50},
            "Assign": {
                "blocks": (
                    "{% [$states.result.Resources.$substringAfter(Identifier.ResourceArn, 'capacity-reservation/')] %}"
                )
            },
            "Retry": _RETRY,
            "Catch": report,
            "Next": "Decide",
        },
        "Decide": {"Type": "Pass", "Assign": {"wanted": _WANTED}, "Next": "IsRight"},
        "IsRight": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $pool.desired = $wanted %}", "Next": "Done"}],
            "Default": "SetSize",
        },
        "SetSize": {
            "Type": "Task",
            "Resource": f"{_SDK}:eks:updateNodegroupConfig",
            "Arguments": {
                "ClusterName": cluster_name,
                "NodegroupName": "{% $pool.name %}",
                "ScalingConfig": {"MinSize": 0, "MaxSize": "{% $pool.max %}", "DesiredSize": "{% $wanted %}"},
            },
            "Retry": _RETRY,
            "Catch": [
                {
                    **report[0],
                    # Another update is under way; the next tick tries again.
                    "ErrorEquals": ["Eks.ResourceInUseException"],
                    "Next": "IsDraining",
                },
                *report,
            ],
            "Next": "Done",
        },
        "IsDraining": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $wanted = 0 %}", "Next": "Report"}],
            "Default": "Done",
        },
        "Report": {
            "Type": "Task",
            "Resource": f"{_SDK}:sqs:sendMessage",
            "Arguments": {
                "QueueUrl": dead_letter_queue_url,
                "MessageBody": "{% $string({'pool': $pool.name, 'wanted': $wanted, 'failure': $failure}) %}",
            },
            "Retry": _RETRY,
            "Next": "Done",
        },
        "Done": {"Type": "Succeed", "Output": {}},
    }
