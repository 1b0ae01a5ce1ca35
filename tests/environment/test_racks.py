"""Racks in bulk: one entry with a line for each is what pools of their own are."""

# ruff: noqa: E501 - the table of refusals has one in each line

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ultrafleet.environment import Environment, EnvironmentFileError, UltraServerPoolSettings, load_environment
from ultrafleet.environment.schema import environment_schema


class TextLoader(yaml.SafeLoader):
    """Reads moments as text, as JSON has them."""


TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

FOLDER = Path(__file__).parents[2] / "stacks" / "environments"
Content = dict[str, Any]

HEAD = """\
account: "111122223333"
region: us-east-1
production: true
network:
  cidr: 10.64.0.0/16
  egress: regional_nat
  subnets:
    - { name: control-a, kind: control_plane, availability_zone: us-east-1a, cidr: 10.64.0.0/26 }
    - { name: control-b, kind: control_plane, availability_zone: us-east-1b, cidr: 10.64.0.64/26 }
    - { name: system-a, kind: system, availability_zone: us-east-1a, cidr: 10.64.2.0/23 }
    - { name: dallas, kind: accelerator, availability_zone: us-east-1-dfw-2a, cidr: 10.64.128.0/17 }
pools:
"""
ENTRY = """\
  - kind: ultraserver
    ultraserver_type: u-p6e-gb200x72
    workload: training
    subnet: dallas
    block: { availability_zone: us-east-1-dfw-2a, start: 2026-12-01T11:30:00Z, end: 2027-01-05T11:30:00Z }
    racks:
"""


def line(number: int) -> str:
    return f"      rack-{number:02}: cr-{number:017x}\n"


def thirty() -> str:
    return HEAD + ENTRY + "".join(line(number) for number in range(1, 31))


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Environment]:
    def run(text: str) -> Environment:
        file = tmp_path / "racks.yaml"
        file.write_text(text, encoding="utf-8")
        return load_environment(file)

    return run


def alone(number: int, *ends: tuple[str, str, str]) -> str:
    """A rack as an entry of its own."""
    blocks = "".join(
        f"      - {{ capacity_reservation_id: {identity}, availability_zone: us-east-1-dfw-2a, start: {start}, end: {end} }}\n"
        for identity, start, end in ends
    )
    return (
        f"  - name: rack-{number:02}\n    kind: ultraserver\n    ultraserver_type: u-p6e-gb200x72\n"
        f"    workload: training\n    subnet: dallas\n    blocks:\n{blocks}"
    )


FIRST, END, LATER = "2026-12-01T11:30:00Z", "2027-01-05T11:30:00Z", "2027-02-02T11:30:00Z"


def test_thirty_racks_fit_a_screen(load: Callable[[str], Environment]) -> None:
    text = thirty()
    assert len((ENTRY + "".join(map(line, range(1, 31)))).splitlines()) <= 45
    made = load(text)
    assert [pool.name for pool in made.pools] == [f"rack-{number:02}" for number in range(1, 31)]


def test_racks_are_what_pools_of_their_own_are(load: Callable[[str], Environment]) -> None:
    one, two, three, four = (f"cr-{number:017x}" for number in (1, 2, 3, 4))
    bulk = load(
        HEAD + ENTRY + f"      rack-01: {one}\n"
        f"      rack-02: {{ capacity_reservation_id: {two}, end: {LATER} }}\n"
        f"      rack-03:\n        - {three}\n"
        f"        - {{ capacity_reservation_id: {four}, start: {END}, end: {LATER} }}\n"
    )
    single = load(
        HEAD
        + alone(1, (one, FIRST, END))
        + alone(2, (two, FIRST, LATER))
        + alone(3, (three, FIRST, END), (four, END, LATER))
    )
    assert bulk == single
    assert bulk.model_dump_json() == single.model_dump_json()


def test_a_rack_that_goes_or_comes_changes_no_other(load: Callable[[str], Environment]) -> None:
    before = {pool.name: pool for pool in load(thirty()).pools}
    without = {pool.name: pool for pool in load(thirty().replace(line(7), "")).pools}
    assert before.pop("rack-07").name == "rack-07"
    assert without == before
    beside = {pool.name: pool for pool in load(thirty().replace(line(7), "") + line(31)).pools}
    assert beside.pop("rack-31").name == "rack-31"
    assert beside == without


def test_a_rack_moves_to_an_entry_of_its_own_unchanged(load: Callable[[str], Environment]) -> None:
    own = alone(7, (f"cr-{7:017x}", FIRST, END))
    before = {pool.name: pool for pool in load(thirty()).pools}
    after = {pool.name: pool for pool in load(thirty().replace(line(7), "") + own).pools}
    assert after == before
    assert isinstance(after["rack-07"], UltraServerPoolSettings)


def test_the_schema_takes_racks() -> None:
    validator = jsonschema.Draft202012Validator(environment_schema())
    content = yaml.load(thirty(), Loader=TextLoader)  # noqa: S506 - a SafeLoader
    assert list(validator.iter_errors(content)) == []
    content["pools"][0]["racks"]["rack-01"] = 7
    assert list(validator.iter_errors(content))


NUMBER = len((HEAD + ENTRY).splitlines()) + 1
"""Line of the first rack."""


@pytest.mark.parametrize(
    ("before", "after", "place", "message"),
    [
        (line(1), "      rack-01: cbr-00000000000000001\n", f"{NUMBER}:16", "pools[0].racks.rack-01: capacity reservation id"),
        (line(1), "      Rack-01: cr-00000000000000001\n", f"{NUMBER}:", "pools[0].racks.Rack-01: "),
        (line(1), "      rack-01:\n", f"{NUMBER}:", "pools[0].racks.rack-01: is empty"),
        (line(1), "      rack-01: 17\n", f"{NUMBER}:16", "pools[0].racks.rack-01: is 17 (a number), expected text"),
        (line(2), line(1), f"{NUMBER + 1}:7", "pools[0].racks.rack-01: the key is the duplicate of another"),
        (
            line(2),
            "      rack-02: { capacity_reservation_id: cr-00000000000000002, end: 2027-01-05T12:30:00Z }\n",
            f"{NUMBER + 1}:70",
            "pools[0].racks.rack-02.end: ",
        ),
        (
            line(2),
            "      rack-02: { capacity_reservation_id: cr-00000000000000002, ends: 2027-01-05T11:30:00Z }\n",
            f"{NUMBER + 1}:65",
            "pools[0].racks.rack-02.ends: is an unknown key",
        ),
        (line(2), line(2).replace("002", "001"), f"{NUMBER + 1}:16", "capacity reservation cr-00000000000000001 is used by"),
        ("end: 2027-01-05T11:30:00Z }", "end: 2027-01-05T12:30:00Z }", f"{NUMBER - 2}:85", "pools[0].block.end: "),
        ("subnet: dallas", "subnet: dalas", f"{NUMBER - 3}:13", "expected one of the accelerator subnets dallas: write dallas"),
        ("kind: ultraserver", "kind: accelerator", f"{NUMBER - 6}:11", "pools[0].kind: is 'accelerator', expected ultraserver"),
        ("    racks:\n", "    name: rack\n    racks:\n", f"{NUMBER - 1}:11", "pools[0].name: is stated beside racks"),
    ],
    ids=lambda value: value.strip()[:40] if isinstance(value, str) else None,
)  # fmt: skip
def test_fails_with_the_line_of_the_rack(
    load: Callable[[str], Environment], before: str, after: str, place: str, message: str
) -> None:
    text = thirty()
    assert before in text
    with pytest.raises(EnvironmentFileError) as caught:
        load(text.replace(before, after, 1))
    (error,) = caught.value.faults
    assert f"racks.yaml:{place}" in str(error)
    assert message in str(error)


@pytest.mark.parametrize("racks", ["", " []", " {}", " cr-1", " [rack-01]"])
def test_fails_without_racks(load: Callable[[str], Environment], racks: str) -> None:
    with pytest.raises(EnvironmentFileError, match=r"pools\[0\]\.racks: is .*, expected NAME: cr-… of each rack"):
        load(HEAD + ENTRY.replace("    racks:\n", f"    racks:{racks}\n"))
