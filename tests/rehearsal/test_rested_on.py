"""What a deployment rests on: every assumption that applies, and layout facts of less than high confidence."""

from pathlib import Path

import pytest
import yaml

from ultrafleet.catalog.source import Confidence
from ultrafleet.environment import Environment, load_environment
from ultrafleet.rehearsal.assumptions import ASSUMPTIONS
from ultrafleet.rehearsal.scenarios.faults import FAULTS
from ultrafleet.rehearsal.scenarios.rested_on import rested_on

ENVIRONMENTS = Path(__file__).parent.parent.parent / "stacks" / "environments"


@pytest.fixture
def content() -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((ENVIRONMENTS / "training.yaml").read_text())
    return found


def environment(content: dict[str, object], folder: Path) -> Environment:
    path = folder / "training.yaml"
    path.write_text(yaml.safe_dump(content))
    return load_environment(path)


def told(environment: Environment) -> set[str]:
    """Ids of the assumptions that are told."""
    states = {item.states for item in rested_on(environment)}
    return {assumption.id for assumption in ASSUMPTIONS if assumption.states in states}


def block(content: dict[str, object], pool: str) -> dict[str, object]:
    (found,) = [item for item in content["pools"] if item["name"] == pool]  # type: ignore[attr-defined]
    return found["blocks"][0]  # type: ignore[no-any-return]


def test_every_assumption_has_a_source_and_its_fault_exists() -> None:
    assert len({assumption.id for assumption in ASSUMPTIONS}) == len(ASSUMPTIONS)
    for assumption in ASSUMPTIONS:
        assert assumption.source.weakest is not Confidence.HIGH
        assert not assumption.fault or assumption.fault in FAULTS
        assert assumption.fault or assumption.id in {"block-clean-up", "executions-in-time", "launch-retries"}


def test_blocks_rest_on_all_but_a_roll(content: dict[str, object], tmp_path: Path) -> None:
    made = environment(content, tmp_path)
    everything = {assumption.id for assumption in ASSUMPTIONS}
    assert told(made) == everything - {"roll-of-running-nodes"}
    block(content, "rack-b")["launch_template_version"] = 2
    assert told(environment(content, tmp_path)) == everything


def test_a_stated_size_rests_on_nothing_about_sizes(content: dict[str, object], tmp_path: Path) -> None:
    for pool in content["pools"]:  # type: ignore[attr-defined]
        for item in pool.get("blocks", []):
            item["initial_desired_size"] = 0
    assert not told(environment(content, tmp_path)) & {"sizes-may-be-partial", "starts-at-min-size"}


def test_pools_on_demand_of_a_known_type_rest_on_nothing() -> None:
    assert rested_on(load_environment(ENVIRONMENTS / "dev.yaml")) == []


def test_a_layout_rests_on_facts_of_less_than_high_confidence(content: dict[str, object], tmp_path: Path) -> None:
    made = environment(content, tmp_path)
    lines = [str(item) for item in rested_on(made) if "p6e-gb200" in item.states]
    assert any(line.startswith("max_efa_interfaces of p6e-gb200.36xlarge is 16 (NVIDIA/aicr") for line in lines)
    assert any(
        line.startswith("max_interfaces of p6e-gb200.36xlarge, network cards 1, 5, 9, 13, is 1") for line in lines
    )
    assert len(lines) == len(set(lines))
    assert all("(medium)" in line or "(low)" in line for line in lines)
    assert not [item for item in rested_on(made) if "p6-b300" in item.states]


def test_interfaces_of_the_file_are_the_callers_own(content: dict[str, object], tmp_path: Path) -> None:
    for pool in content["pools"]:  # type: ignore[attr-defined]
        pool["node"] = {"interfaces": [[0, 0, "interface"], [1, 0, "efa-only"]]}
    assert not [item for item in rested_on(environment(content, tmp_path)) if "p6e-gb200" in item.states]


def test_as_json_has_source_and_confidence(content: dict[str, object], tmp_path: Path) -> None:
    first = rested_on(environment(content, tmp_path))[0].keys
    assert set(first) == {"states", "source", "confidence", "address", "fault"}
    assert first["confidence"] == "low"
