"""Self-managed pools of an environment file: what their nodes need to be told, and what they can't have."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ultrafleet.accelerator_addons import VersionTable, accelerator_runtime
from ultrafleet.environment import Environment, load_environment
from ultrafleet.environment.facts import node_group_count
from ultrafleet.environment.pool_nodes import environment_pool_nodes
from ultrafleet.errors import FleetError

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "environments" / "self-managed.yaml"
IMAGE = {"image_id": "ami-0123456789abcdef0", "user_data": "#!/bin/bash\n"}


def loaded(folder: Path, *path: str, **values: Any) -> Environment:
    """The example with values put at a path."""
    content = yaml.safe_load(EXAMPLE.read_text())
    target: Any = content
    for part in path:
        target = target[int(part)] if part.isdigit() else target.setdefault(part, {})
    target.update(values)
    (folder / "self-managed.yaml").write_text(yaml.safe_dump(content))
    return load_environment(folder / "self-managed.yaml")


def test_takes_no_managed_node_group_but_that_of_the_system_nodes(tmp_path: Path) -> None:
    assert node_group_count(loaded(tmp_path)) == 1
    assert node_group_count(loaded(tmp_path, "pools", "0", management="managed")) == 3


def test_the_drain_is_installed_where_a_pool_is_self_managed(tmp_path: Path) -> None:
    pools = environment_pool_nodes(loaded(tmp_path))
    (drain,) = [
        release
        for release in accelerator_runtime(pools, VersionTable.of())
        if release.chart.name == "aws-node-termination-handler"
    ]
    assert drain.values["daemonsetNodeSelector"] == {"ultrafleet/management": "self-managed"}
    assert drain.values["nodeTerminationGracePeriod"] == 900
    assert drain.values["enableASGLifecycleDraining"] is True
    tolerated = {item["key"] for item in drain.values["daemonsetTolerations"]}
    assert tolerated == {"nvidia.com/gpu", "ultrafleet/spare"}
    one = environment_pool_nodes(loaded(tmp_path, "pools", "0", management="managed"))
    assert accelerator_runtime(one[:1], VersionTable.of())[-1].chart.name != drain.chart.name


@pytest.mark.parametrize(
    ("path", "values", "said"),
    [
        (("cluster",), {"service_cidr": None}, "not stated, expected one, because pool rack-a"),
        (("pools", "0", "node"), {"max_unavailable": 2}, "is 2 in a self-managed pool, expected none"),
        (("pools", "0", "node"), {"image": IMAGE}, "is stated for the image of a self-managed pool"),
    ],
)
def test_fails_on_what_self_managed_nodes_can_not_join_with(
    tmp_path: Path, path: tuple[str, ...], values: dict[str, Any], said: str
) -> None:
    with pytest.raises(FleetError, match=said):
        loaded(tmp_path, *path, **values)


def test_fails_on_an_existing_cluster_whose_endpoint_is_not_read(tmp_path: Path) -> None:
    content = yaml.safe_load(EXAMPLE.read_text())
    content["cluster"] = {"existing": {"name": "research"}, "kubernetes_version": "1.35"}
    (tmp_path / "self-managed.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(FleetError) as raised:
        load_environment(tmp_path / "self-managed.yaml")
    assert "self-managed on existing cluster research" in str(raised.value)
