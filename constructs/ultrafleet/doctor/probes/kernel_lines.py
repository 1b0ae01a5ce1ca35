"""Probes of the way from NVIDIA's kernel lines to the alarm DeadGpu: the filter pattern, and the lines themselves."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.catalog.eks import host_log_group
from ultrafleet.catalog.metrics import FATAL_XID_ERRORS
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment
from ultrafleet.rules.xid_lines import fatal_xid_pattern

_DEAD: Final = (
    "NVRM: Xid (PCI:0000:53:00): 79, GPU has fallen off the bus.",
    "NVRM: Xid (PCI:0008:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)",
)
_ALIVE: Final = (
    "NVRM: Xid (PCI:0000:53:00): 31, pid=79, name=python3, Ch 00000008, intr 00000000. MMU Fault",
    "NVRM: Xid (PCI:0008:01:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)",
)
_INVALID: Final = "InvalidParameterException"
_KERNEL_STREAMS: Final = ".host.dmesg"


def _is_watched(environment: Environment) -> bool:
    has_alarms = environment.kubernetes.delivery != "none" and environment.kubernetes.dashboard
    return has_alarms and any(pool.instance.accelerator_kind == "nvidia" for pool in environment.pools)


def _filter_questions(environment: Environment) -> Iterator[Question]:
    if _is_watched(environment):
        yield Question(
            subject="filter pattern of fatal XID errors",
            expected="it matches the lines of a dead GPU and none of an application's error",
            ask=_ask_filter,
            path="kubernetes.dashboard",
            stops_launch=True,
        )


def _ask_filter(account: Account) -> Answer:
    messages = [json.dumps({"message": text}) for text in (*_DEAD, *_ALIVE)]
    given = {"filterPattern": fatal_xid_pattern(), "logEventMessages": messages}
    remedy = "the alarm DeadGpu would see no dead GPU: open an issue with what CloudWatch Logs says"
    try:
        found = account.call("logs", "test_metric_filter", **given)["matches"]
    except AwsRefusalError as refusal:
        if refusal.code == _INVALID:
            return no(f"CloudWatch Logs refuses the pattern: {refusal.message}", remedy)
        raise
    matched = {item["eventMessage"] for item in found}
    if matched == set(messages[: len(_DEAD)]):
        return yes(f"{len(matched)} of {len(messages)} lines, those of dead GPUs")
    return no(f"it matches {len(matched)} of {len(messages)} lines, expected {len(_DEAD)} others", remedy)


def _line_questions(environment: Environment) -> Iterator[Question]:
    if _is_watched(environment):
        yield Question(
            subject=f"log group {host_log_group(environment.cluster_name)}",
            expected="it has kernel lines of nodes",
            ask=partial(_ask_lines, environment.cluster_name),
            path="kubernetes.dashboard",
            settles=(f"metric/{FATAL_XID_ERRORS}",),
        )


def _ask_lines(cluster: str, account: Account) -> Answer | None:
    given = {"logGroupName": host_log_group(cluster), "orderBy": "LastEventTime", "descending": True}
    try:
        found = account.call("logs", "describe_log_streams", **given)["logStreams"]
    except AwsRefusalError as refusal:
        if refusal.code == "ResourceNotFoundException":
            return None
        raise
    nodes = [item["logStreamName"] for item in found if item["logStreamName"].endswith(_KERNEL_STREAMS)]
    if nodes:
        return yes(f"kernel lines of {len(nodes)} nodes among the {len(found)} newest log streams")
    if not found:
        return None
    return no(
        f"none of the {len(found)} newest log streams ends with {_KERNEL_STREAMS}",
        "look at Fluent Bit's pods in amazon-cloudwatch and its host-log.conf: without the lines DeadGpu never rings",
    )


XID_FILTER: Final = Probe(
    id="xid-filter",
    asks="Does CloudWatch Logs read the filter pattern of dead GPUs as meant?",
    permissions=(Permission(action="logs:TestMetricFilter"),),
    questions=_filter_questions,
)
KERNEL_LINES: Final = Probe(
    id="kernel-lines",
    asks="Do the nodes' kernel lines reach CloudWatch Logs?",
    permissions=(
        Permission(
            action="logs:DescribeLogStreams",
            resources=(f"arn:{{partition}}:logs:{{region}}:{{account}}:log-group:{host_log_group('{cluster}')}:*",),
        ),
    ),
    questions=_line_questions,
    later="no log group or no line yet: ask while nodes run",
)
