"""`ultrafleet network plan`."""

import ipaddress
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from helpers import command

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ROOT / "stacks" / "environments"

Content = dict[str, Any]
Write = Callable[..., Path]


def run(*arguments: str) -> CompletedProcess[str]:
    return command.run("network", "plan", *arguments)


def planned(*arguments: str) -> dict[str, list[Content]]:
    result = run(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    plans: dict[str, list[Content]] = json.loads(result.stdout)
    return plans


def without_cidrs(content: Content) -> None:
    for subnet in content["network"]["subnets"]:
        del subnet["cidr"]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an edited copy of a shipped environment."""

    def edited(edit: Callable[[Content], object], *, name: str = "training") -> Path:
        content = yaml.safe_load((SHIPPED / f"{name}.yaml").read_text())
        edit(content)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return edited


def test_shipped_environments_state_all_and_keep_it() -> None:
    plans = planned()
    assert sorted(plans) == ["dev", "inference", "training"]
    for name, subnets in plans.items():
        stated = yaml.safe_load((SHIPPED / f"{name}.yaml").read_text())["network"]["subnets"]
        assert [subnet["cidr"] for subnet in subnets] == [subnet["cidr"] for subnet in stated]
        assert not any(subnet["proposed"] for subnet in subnets)


@pytest.mark.parametrize("name", ["dev", "inference", "training"])
def test_every_shipped_environment_can_be_planned_from_nothing(write: Write, name: str) -> None:
    (subnets,) = planned("--file", str(write(without_cidrs, name=name))).values()
    vpc = ipaddress.IPv4Network(yaml.safe_load((SHIPPED / f"{name}.yaml").read_text())["network"]["cidr"])
    networks = [ipaddress.IPv4Network(subnet["cidr"]) for subnet in subnets]
    assert all(network.subnet_of(vpc) for network in networks)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(networks, 2))
    assert all(subnet["proposed"] and subnet["used_ips"] <= subnet["usable_ips"] for subnet in subnets)


def test_the_lines_are_the_subnets_of_a_file_that_needs_no_plan(write: Write) -> None:
    first = run("--file", str(write(without_cidrs)))
    assert first.returncode == 0, first.stderr

    def paste(content: Content) -> None:
        content["network"]["subnets"] = yaml.safe_load(first.stdout)

    second = run("--file", str(write(paste)))
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout.replace("# proposed", "# stated")


def test_the_order_of_the_file_does_not_matter(write: Write) -> None:
    def reverse(content: Content) -> None:
        without_cidrs(content)
        content["network"]["subnets"].reverse()
        content["pools"].reverse()

    (forwards,) = planned("--file", str(write(without_cidrs))).values()
    (backwards,) = planned("--file", str(write(reverse))).values()
    assert forwards == backwards[::-1]


def test_a_stated_subnet_is_not_moved_for_another(write: Write) -> None:
    def only_dallas(content: Content) -> None:
        for subnet in content["network"]["subnets"]:
            if subnet["name"] != "dallas":
                del subnet["cidr"]

    (subnets,) = planned("--file", str(write(only_dallas))).values()
    assert [(subnet["name"], subnet["cidr"]) for subnet in subnets if not subnet["proposed"]] == [
        ("dallas", "10.64.32.0/19")
    ]


def test_system_nodes_are_shared_out_over_their_subnets(write: Write) -> None:
    def one_system_subnet(content: Content) -> None:
        without_cidrs(content)
        content["network"]["subnets"] = [s for s in content["network"]["subnets"] if s["name"] != "system-b"]

    (two,) = planned("--file", str(write(without_cidrs))).values()
    (one,) = planned("--file", str(write(one_system_subnet))).values()

    def used(subnets: list[Content]) -> int:
        return next(int(subnet["used_ips"]) for subnet in subnets if subnet["name"] == "system-a")

    assert used(one) == 2 * used(two) > 0


def test_headroom_is_less_where_it_is_asked_for(write: Write) -> None:
    path = str(write(without_cidrs))

    def lengths(*arguments: str) -> dict[str, int]:
        (subnets,) = planned("--file", path, *arguments).values()
        return {subnet["name"]: ipaddress.IPv4Network(subnet["cidr"]).prefixlen for subnet in subnets}

    roomy, tight = lengths(), lengths("--headroom", "1")
    assert tight["dallas"] == roomy["dallas"] + 1
    assert tight["control-a"] == roomy["control-a"]


def edit_dallas(**changes: object) -> Callable[[Content], None]:
    def edit(content: Content) -> None:
        (dallas,) = [subnet for subnet in content["network"]["subnets"] if subnet["name"] == "dallas"]
        dallas.update(changes)

    return edit


def small_vpc(content: Content) -> None:
    without_cidrs(content)
    content["network"]["cidr"] = "10.64.0.0/20"


def small_vpc_with_a_small_further_one(content: Content) -> None:
    small_vpc(content)
    content["network"]["secondary_cidrs"] = ["100.64.0.0/24"]


def empty_subnet(content: Content) -> None:
    content["network"]["subnets"].append({"name": "spare", "kind": "accelerator", "availability_zone": "us-east-1a"})


@pytest.mark.parametrize(
    ("edit", "parts"),
    [
        pytest.param(
            small_vpc_with_a_small_further_one,
            ["training: subnet system-a needs a /23 (512 IPs)", "has 256 free, the largest block a /24"],
            id="no room",
        ),
        pytest.param(
            edit_dallas(cidr="10.64.32.0/24"),
            ["training: subnet dallas (10.64.32.0/24) has 224 usable IPs, expected 3,456", "rack-a 1,728"],
            id="a stated subnet that is too small",
        ),
        pytest.param(
            edit_dallas(cidr="10.65.0.0/20"), ["network.subnets[5].cidr: subnet dallas has 10.65.0.0/20"], id="outside"
        ),
        pytest.param(empty_subnet, ["training: subnet spare has neither a cidr nor pools"], id="nothing to size it by"),
    ],
)
def test_fails_in_one_line_with_what_is_needed_and_free(
    write: Write, edit: Callable[[Content], object], parts: list[str]
) -> None:
    result = run("--file", str(write(edit)))
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    for part in parts:
        assert part in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prod"], "environment is 'prod', expected one of dev, inference, training"),
        (["dev", "--file", "dev.yaml"], "ENV is dev and --file dev.yaml, expected one of them"),
        (["--file", "nowhere.yaml"], "can't be read (No such file"),
        (["--headroom", "nan"], "headroom is nan, expected a number of 1 or more"),
        (["--headroom", "inf"], "headroom is inf, expected a number of 1 or more"),
        (["--headroom", "0.5"], "headroom is 0.5, expected 1 or more"),
        (["--headroom", "much"], "headroom"),
    ],
)
def test_fails_on_unusable_arguments(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_fails_without_a_command_in_one_line() -> None:
    result = command.run("network")
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


def thirty_racks(content: Content) -> None:
    without_cidrs(content)
    rack = content["pools"][0]
    content["teams"] = []
    content["pools"] = [
        {
            **rack,
            "name": f"rack-{number:02d}",
            "blocks": [{**rack["blocks"][0], "capacity_reservation_id": f"cr-0aaaaaaaaaaaaaa{number:02d}"}],
        }
        for number in range(1, 31)
    ] + [content["pools"][2]]


def test_thirty_racks_fit_with_a_further_cidr_and_are_written(write: Write) -> None:
    path = write(thirty_racks)
    before = yaml.safe_load(path.read_text())
    result = run("--file", str(path), "--write")
    assert result.returncode == 0, result.stderr
    assert "secondary_cidrs: [100.64.0.0/16] of network are proposed" in result.stderr
    after = yaml.safe_load(path.read_text())
    assert after["network"].pop("secondary_cidrs") == ["100.64.0.0/16"]
    for subnet in after["network"]["subnets"]:
        assert subnet.pop("cidr")
    assert after == before, "nothing else of the file changes"


def test_what_is_written_never_moves(write: Write) -> None:
    path = write(without_cidrs)
    assert run("--file", str(path), "--write").returncode == 0
    written = path.read_text()
    content = yaml.safe_load(written)
    again = run("--file", str(path), "--write", "--headroom", "4")
    assert "every subnet has its cidr" in again.stderr
    assert path.read_text() == written
    content["network"]["subnets"].append({"name": "more", "kind": "accelerator", "availability_zone": "us-east-1b"})
    content["pools"].append({**content["pools"][2], "name": "more", "subnet": "more", "capacity_reservation": None})
    path.write_text(yaml.safe_dump(content))
    assert run("--file", str(path), "--write").returncode == 0
    subnets = {item["name"]: item["cidr"] for item in yaml.safe_load(path.read_text())["network"]["subnets"]}
    assert subnets.pop("more")
    assert subnets == {item["name"]: item["cidr"] for item in yaml.safe_load(written)["network"]["subnets"]}


def test_comments_stay_where_cidrs_are_written(tmp_path: Path) -> None:
    text = (SHIPPED / "training.yaml").read_text()
    bare = re.sub(r", cidr: 10\.[0-9./]+ }", " }", text)
    assert bare != text
    path = tmp_path / "training.yaml"
    path.write_text(bare)
    assert run("--file", str(path), "--write").returncode == 0
    assert re.sub(r", cidr: 10\.[0-9./]+ }", " }", path.read_text()) == bare
