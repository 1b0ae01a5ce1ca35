"""Secondary network of an environment file, and pools on RoCE in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ultrafleet.environment import Environment, load_environment
from ultrafleet.environment.pool_nodes import environment_pool_nodes
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.network_devices import ROCE_CLASS

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "environments" / "gb300-roce.yaml"
Content = dict[str, Any]


def loaded(tmp_path: Path, edit: Callable[[Content], object] = lambda _: None) -> Environment:
    content = yaml.safe_load(EXAMPLE.read_text())
    edit(content)
    file = tmp_path / "roce.yaml"
    file.write_text(yaml.safe_dump(content))
    return load_environment(file)


def network(**changed: Any) -> Callable[[Content], object]:
    return lambda content: content["network"]["secondary_network"].update(changed)


def pool(**changed: Any) -> Callable[[Content], object]:
    return lambda content: content["pools"][0].update(changed)


def moved_to(region: str) -> Callable[[Content], object]:
    def edit(content: Content) -> None:
        moved = yaml.safe_load(yaml.safe_dump(content).replace("us-west-2", region))
        content.clear()
        content.update(moved)

    return edit


def test_pods_on_roce_claim_the_eight_devices_of_a_node(tmp_path: Path) -> None:
    (nodes,) = environment_pool_nodes(loaded(tmp_path))
    assert nodes.network is not None
    assert (nodes.network.device_class, nodes.network.count, nodes.network.resources) == (ROCE_CLASS, 8, {})
    assert nodes.acceptance_paths == ("nvlink", "roce")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda content: content["network"].pop("secondary_network"),
            r"pools\[0\].fabric.*has fabric roce without a network.secondary_network, expected one",
        ),
        (pool(management="managed"), r"pools\[0\].*fabric roce on managed nodes, expected self-managed nodes, or efa"),
        (network(availability_zone="us-west-2a"), r"pools\[0\].subnet.*gb300-b in us-west-2b, expected us-west-2a"),
        (network(availability_zone="us-east-1a"), r"secondary network is in us-east-1a, expected a zone of us-west-2"),
        (network(cidr="10.99.128.0/18"), r"10.99.128.0/18, which overlaps 10.99.0.0/16 of the VPC"),
        (network(cidr="172.16.0.0/25"), r"has 11 usable IPs, expected 18 for its pools \(gb300-a 18\).*/24 or larger"),
        (network(cidr="172.16.0.0/26"), r"secondary_network.cidr.*expected room for 8 subnets of /28"),
        (network(subnets=3), r"secondary_network.subnets"),
        (network(secondary_network_id="subnet-1"), r"secondary_network_id"),
        (moved_to("us-east-2"), r"to be made in us-east-2, expected one of ap-south-1, us-east-1, us-west-2"),
    ],
)
def test_fails(edit: Callable[[Content], object], message: str, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=message):
        loaded(tmp_path, edit)


def test_an_existing_secondary_network_serves_in_any_region(tmp_path: Path) -> None:
    def edit(content: Content) -> None:
        moved_to("us-east-2")(content)
        network(secondary_network_id="sn-0123456789abcdef0")(content)

    assert loaded(tmp_path, edit).network.secondary_network is not None
