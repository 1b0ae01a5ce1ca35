"""The Amazon States Language file of the block schedule: complete, valid, and what is deployed."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from jsonata import Jsonata  # type: ignore[import-untyped]  # it has no py.typed

from helpers.fake_capacity import CLUSTER, QUEUE
from ultrafleet.block_machine import DEFINITION_FILE
from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.kubernetes import POOL_LABEL
from ultrafleet.rules.block_clock import EXECUTION_MINUTES, TICK_MINUTES
from ultrafleet.rules.schedule_tags import FOLLOW_BLOCKS, HOLD, LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.rules.self_managed import CLUSTER_TAG
from ultrafleet.schedule import state_machine_definition

TEXT = DEFINITION_FILE.read_text(encoding="utf-8")
FILE: dict[str, Any] = json.loads(TEXT)
VALUES = {
    "ClusterName": CLUSTER,
    "ClusterTag": CLUSTER_TAG,
    "DeadLetterQueueUrl": QUEUE,
    "FollowBlocks": FOLLOW_BLOCKS,
    "Hold": HOLD,
    "ImpairedBlocks": "ImpairedBlocks",
    "LeadTag": LEAD_TAG,
    "LeastLeadOfInstances": "55",
    "LeastLeadOfUltraServer": "85",
    "LongestLead": "1439",
    "MetricNamespace": f"Ultrafleet/{CLUSTER}",
    "PoolLabel": POOL_LABEL,
    "ReservationTag": RESERVATION_TAG,
    "ScheduleTag": SCHEDULE_TAG,
    "StateLateMinutes": "5",
    "UltraServerInstanceTypes": "p6e-gb200.36xlarge,p6e-gb300.36xlarge,p6e-gb300r.36xlarge,trn2u.48xlarge",
}


def machines(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A machine and those inside its Map states."""
    yield block
    for state in block["States"].values():
        if "ItemProcessor" in state:
            yield from machines(state["ItemProcessor"])


def next_states(value: Any) -> Iterator[str]:
    """States that a state names: Next of itself, of its choices and of its catchers, and its Default."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"Next", "Default"}:
                yield inner
            elif key != "ItemProcessor":
                yield from next_states(inner)
    elif isinstance(value, list):
        for item in value:
            yield from next_states(item)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


EXPRESSIONS = sorted({text for text in strings(FILE) if "{%" in text or "%}" in text})


def test_the_file_is_strict_json_as_editors_write_it() -> None:
    def refuse(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), f"duplicate key in {pairs}"
        return dict(pairs)

    assert json.dumps(json.loads(TEXT, object_pairs_hook=refuse), indent=2) + "\n" == TEXT
    assert FILE["QueryLanguage"] == "JSONata"


@pytest.mark.parametrize("machine", list(machines(FILE)), ids=lambda machine: machine["StartAt"])
def test_every_state_exists_and_is_reachable(machine: dict[str, Any]) -> None:
    reached, open_ends = set(), [machine["StartAt"]]
    while open_ends:
        name = open_ends.pop()
        if name not in reached:
            reached.add(name)
            open_ends += next_states(machine["States"][name])
    assert reached == set(machine["States"])


@pytest.mark.parametrize("machine", list(machines(FILE)), ids=lambda machine: machine["StartAt"])
def test_every_state_goes_on_or_ends(machine: dict[str, Any]) -> None:
    for name, state in machine["States"].items():
        ends = state["Type"] in {"Succeed", "Fail", "Choice"}
        assert ends != ("Next" in state), name


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_is_jsonata(expression: str) -> None:
    assert expression.startswith("{%")
    assert expression.endswith("%}")
    Jsonata(expression[2:-2])


def test_there_are_expressions_and_a_broken_one_is_found() -> None:
    assert len(EXPRESSIONS) > 20  # far fewer would mean that the search finds too little
    with pytest.raises(Exception, match="Expected"):
        Jsonata(max(EXPRESSIONS, key=len)[2:-2].rpartition(")")[0])


def test_the_placeholders_are_those_that_are_filled() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == set(VALUES)


def test_what_is_deployed_is_what_the_file_says() -> None:
    filled = TEXT
    for name, value in VALUES.items():
        filled = filled.replace(f"${{{name}}}", value)
    deployed = state_machine_definition(cluster_name=CLUSTER, dead_letter_queue_url=QUEUE)
    assert json.dumps(deployed, indent=2) + "\n" == filled


def test_a_placeholder_may_be_a_token_with_any_characters() -> None:
    deployed = state_machine_definition(cluster_name='${Token[TOKEN.1]}\\1"', dead_letter_queue_url=QUEUE)
    assert deployed["States"]["Begin"]["Assign"]["nameRequest"]["ClusterName"] == '${Token[TOKEN.1]}\\1"'


def test_the_plan_that_is_laid_out_is_the_one_of_the_state() -> None:
    laid_out = (files("ultrafleet.schedule") / "data" / "block_plan.jsonata").read_text(encoding="utf-8")
    Jsonata(laid_out)
    plan = re.sub(r"/\*.*?\*/", "", laid_out, flags=re.DOTALL).split()
    states = FILE["States"]["EachGroup"]["ItemProcessor"]["States"]
    for state in ("DescribeNodeGroup", "DescribeAutoScalingGroup"):
        assert " ".join(plan) in states[state]["Assign"]["plan"]


def test_an_execution_ends_before_the_next_tick_and_the_least_lead_counts_with_its_time_limit() -> None:
    assert FILE["TimeoutSeconds"] == EXECUTION_MINUTES * 60
    assert EXECUTION_MINUTES < TICK_MINUTES


def test_every_ultraserver_of_the_catalog_has_the_longer_lead() -> None:
    sold = {str(kind.instance_type) for kind in UltraServerType.all() if kind.name is not None}
    assert sold <= set(VALUES["UltraServerInstanceTypes"].split(","))
    assert InstanceType.of("p5.48xlarge").name not in VALUES["UltraServerInstanceTypes"].split(",")
