"""Cells that can't be had so: each refusal names the key, the value, what is expected and what to do."""

# ruff: noqa: E501 - the table of refusals has one in each line

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from helpers.programmes import Content, content, raised, tranche
from ultrafleet.cells import Record, read_cells, record_file
from ultrafleet.errors import FleetError
from ultrafleet.programme import ProgrammeFileError

GB300 = {"type": "u-p6e-gb300x72", "site": "ohio"}


def target(**step: object) -> Content:
    return {
        "name": "training",
        "workload": "training",
        "type": "u-p6e-gb200x72",
        "service_level": 0.9,
        "steps": [{"start": date(2027, 1, 1), **step}],
        "end": date(2028, 1, 1),
    }


def written(folder: Path, found: Content) -> Path:
    path = folder / "growth.yaml"
    path.write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    return path


def refused(folder: Path, found: Content) -> list[str]:
    path = written(folder, found)
    return [str(error).removeprefix(f"{path}:") for error in read_cells(path).refusals]


def site(found: Content, index: int, **keys: object) -> None:
    found["sites"][index].update(keys)


REFUSALS: dict[str, tuple[Content, Callable[[Content], object], list[str]]] = {
    "GB200 in a zone where it isn't sold": (
        content(tranche("a", 1)),
        lambda c: site(c, 0, zone="us-east-1a"),
        ["tranches[0].site: tranche a has u-p6e-gb200x72 at site dallas-a, in us-east-1a, expected us-east-1-dfw-2a, where it is sold: EC2 user guide, ec2-capacity-blocks (high): name a site there: elsewhere it can't be bought"],
    ),
    "GB200 spread over two zones": (
        content(tranche("a", 1), tranche("b", 1, site="dallas-b")),
        lambda c: site(c, 1, zone="us-east-1-atl-2a"),
        ["tranches[1].site: tranche b has u-p6e-gb200x72 at site dallas-b, in us-east-1-atl-2a, expected us-east-1-dfw-2a"],
    ),
    "a type in a region where it isn't sold": (
        content(tranche("a", 1, type="u-trn2x64", site="dallas-b")),
        lambda c: site(c, 1, zone="us-east-1b"),
        ["tranches[0].site: tranche a has u-trn2x64 at site dallas-b, in us-east-1b, expected us-east-2, where it is sold"],
    ),
    "a type with two fabrics and none stated": (
        content(tranche("a", 1, **GB300)),
        lambda _: None,
        ["tranches[0].fabric: fabric of tranche a is not stated, expected one that u-p6e-gb300x72 has and whose layout is known"],
    ),
    "a fabric that the type hasn't": (
        content(tranche("a", 1, fabric="roce")),
        lambda _: None,
        ["tranches[0].fabric: fabric of tranche a is roce, expected one that u-p6e-gb200x72 has"],
    ),
    "a site without zone, account and zones of the platform": (
        content(tranche("a", 1)),
        lambda c: [c["sites"][0].pop(key) for key in ("zone", "account", "platform_zones")],
        [
            "sites[0]: account of site dallas-a is not stated, expected the account of its cells: add account: VALUE to the site",
            "sites[0]: zone of site dallas-a is not stated, expected the zone of its cells",
            "sites[0].platform_zones: has 0 zones for the cells of site dallas-a, expected 2 to 3 Availability Zones",
        ],
    ),
    "names that become too long": (
        content(tranche("a-tranche-with-a-name-of-36-characters", 1)),
        lambda _: None,
        ["tranches[0].name: tranche a-tranche-with-a-name-of-36-characters names racks such as a-tranche-with-a-name-of-36-characters-0001, expected up to 40 lower-case letters"],
    ),
    "more UltraServers than names have digits for": (
        content(tranche("a", 10_000)),
        lambda _: None,
        ["tranches[0]: tranche a has 10,000 UltraServers, expected fewer than 10,000"],
    ),
    "more Network Address Usage than a VPC can have": (
        content(tranche("a", 1), limits=raised(network_address_usage=300_000)),
        lambda _: None,
        ["limits.network_address_usage.value: is 300,000, expected at most 256,000 (VPC user guide, Network Address Usage (high)): more cells take what one can't hold"],
    ),
    "more node groups than a cluster can have": (
        content(tranche("a", 1), limits=raised(node_groups_per_cluster=101)),
        lambda _: None,
        ["limits.node_groups_per_cluster.value: is 101, expected at most 100 (aws/containers-roadmap #2272, 2024 (medium)): self-managed node groups have no such limit"],
    ),
    "a limit that holds no rack": (
        content(tranche("a", 1), limits=raised(nodes_per_cluster=39)),
        lambda _: None,
        ["limits.nodes_per_cluster: is 39, expected 40 or more, for a cell of one u-p6e-gb200x72"],
    ),
    "more racks of a stack than its template holds": (
        content(tranche("a", 1), racks_per_stack=51),
        lambda _: None,
        ["fleet.racks_per_stack: is 51, expected at most 50, by the resources and bytes of a template"],
    ),
    "managed node groups on RoCE": (
        content(tranche("a", 1, fabric="roce", type="u-p6e-gb300x72", site="oregon"), management="managed"),
        lambda _: None,
        ["fleet.management: is managed, expected self-managed for tranche a on RoCE"],
    ),
    "RoCE in a region without secondary networks": (
        content(tranche("a", 1, fabric="roce", **GB300)),
        lambda _: None,
        ["tranches[0].site: tranche a has fabric roce at site ohio, in us-east-2b, expected an Availability Zone of ap-south-1, us-east-1, us-west-2, which have secondary networks"],
    ),
    "a retired name that no rack has": (
        content(tranche("a", 1), retired=["a-0002"]),
        lambda _: None,
        ["fleet.retired[0]: is 'a-0002', expected the name of a rack"],
    ),
    "a delivery after the programme": (
        content(tranche("a", 1, delivery=date(2031, 1, 1))),
        lambda _: None,
        ["tranches[0].delivery: is 2031-01-01, expected a day before 2030-12-01, the end of the programme"],
    ),
    "no addresses left": (
        content(tranche("a", 57), address_space=["10.0.0.0/16", "10.1.0.0/16"]),
        lambda _: None,
        ["fleet.address_space: has no room for the last 29 UltraServers of site dallas-a, expected 1 free networks of /16"],
    ),
    "counts by date that the deliveries don't reach": (
        content(tranche("a", 9)),
        lambda c: c.update(targets=[target(ultraservers=10)]),
        ["targets[0].steps[0]: target training wants 10 UltraServers on 2027-01-01, expected at most 9, which its tranches deliver by then"],
    ),
    "counts by date, with a delivery after the step": (
        content(tranche("a", 9), tranche("b", 9, delivery=date(2027, 1, 2))),
        lambda c: c.update(targets=[target(accelerators=720)]),
        ["targets[0].steps[0]: target training wants 10 UltraServers on 2027-01-01, expected at most 9"],
    ),
    "a largest job of more than a site has": (
        content(tranche("a", 3), tranche("b", 3, site="dallas-b"), largest_job_accelerators=288),
        lambda _: None,
        ["fleet.largest_job_accelerators: is 288, which is 4 UltraServers of 72 that jobs can have, expected at most 216, which the 3 of the largest cell have: site dallas-b has 3 UltraServers of u-p6e-gb200x72 for training, and no cell is larger than its site"],
    ),
    "a largest job over the blast radius": (
        content(tranche("a", 9), largest_job_accelerators=288, most_racks_per_cell=3),
        lambda _: None,
        ["fleet.largest_job_accelerators: is 288, which is 4 UltraServers of 72 that jobs can have, expected at most 216, which the 3 of the largest cell have: raise fleet.most_racks_per_cell to 4; or lower it"],
    ),
    "a largest job over the node groups of cells that have to be managed": (
        content(tranche("a", 60), largest_job_accelerators=72 * 40, management="managed"),
        lambda _: None,
        ["fleet.largest_job_accelerators: is 2,880, which is 40 UltraServers of 72 that jobs can have, expected at most 2,016, which the 28 of the largest cell have: ask AWS for Managed node groups per cluster of 42 and state limits.node_groups_per_cluster; or state management: self-managed, whose cells hold 144"],
    ),
    "a largest job over what a VPC can have": (
        content(tranche("a", 2100), largest_job_accelerators=72 * 2050, management="self-managed", max_pods=16),
        lambda c: c["limits"].update(raised(cidrs_per_vpc=50)),
        [
            "sites[0].account: account 111122223333 has 2,100 capacity blocks",
            "fleet.largest_job_accelerators: is 147,600, which is 2,050 UltraServers of 72 that jobs can have, expected at most 35,568, which the 494 of the largest cell have: history_events would have to be 102,800, and AWS gives at most 25,000",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("found", "edit", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_cells_that_cant_be_had_are_refused_with_line_and_remedy(
    found: Content, edit: Callable[[Content], object], expected: list[str], tmp_path: Path
) -> None:
    edit(found)
    texts = refused(tmp_path, found)
    shown = sorted(text.split(": ", 1)[1] for text in texts)
    assert len(shown) == len(expected), texts
    for text, start in zip(shown, sorted(expected), strict=True):
        assert text.startswith(start), text
    assert all(text.split(":")[0].isdigit() for text in texts)


def test_all_refusals_come_at_once(tmp_path: Path) -> None:
    found = content(tranche("a", 1), tranche("b", 1, **GB300), retired=["c-0001"], racks_per_stack=80)
    site(found, 0, zone="us-east-1a")
    assert len(refused(tmp_path, found)) == 4


def test_deliveries_may_be_filled_by_later_blocks(tmp_path: Path) -> None:
    found = content(tranche("a", 9)) | {"targets": [target(ultraservers=10)]}
    found["later_blocks"] = [
        {"type": "u-p6e-gb200x72", "ultraservers": 4, "usd_per_hour": 761.904, "assumption": "made up"}
    ]
    plan = read_cells(written(tmp_path, found))
    assert not plan.refusals
    assert "target training: 1 of 10 UltraServers on 2027-01-01 are in no cell" in " ".join(plan.notes)


@pytest.mark.parametrize(
    ("count", "limits", "said"),
    [(14, {}, None), (15, {}, "256 instances on capacity blocks of an organisation on a date; cells have 270 on 2026-12-01"), (15, {"block_instances_on_a_date": 270, "reason": "a contract"}, None)],
)  # fmt: skip
def test_more_instances_on_a_date_than_documented_are_said(
    count: int, limits: Content, said: str | None, tmp_path: Path
) -> None:
    notes = " ".join(read_cells(written(tmp_path, content(tranche("a", count), limits=limits))).notes)
    assert said in notes if said is not None else "organisation" not in notes


def test_single_instances_are_in_no_cell(tmp_path: Path) -> None:
    single = tranche("b300", 2, type="p6-b300.48xlarge", site="ohio")
    single["instances"] = single.pop("ultraservers")
    plan = read_cells(written(tmp_path, content(tranche("a", 1), single)))
    assert {rack.tranche for rack in plan.racks} == {"a"}
    assert any(note.startswith("not in cells: b300 hold single instances") for note in plan.notes)


def test_a_programme_without_a_fleet_has_no_cells(tmp_path: Path) -> None:
    found = content(tranche("a", 1))
    del found["fleet"]
    with pytest.raises(FleetError, match="programme growth has no fleet, expected one, of which cells are made"):
        read_cells(written(tmp_path, found))


SPACES = {
    "two private ranges": (["10.0.0.0/8", "172.16.0.0/12"], "address_space[1]: is 172.16.0.0/12, expected a part of 10.0.0.0/8 or of 100.64.0.0/10, as the others"),
    "public addresses": (["8.0.0.0/8"], "address_space[0]: is 8.0.0.0/8, expected a part of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10"),
    "a small network": (["10.0.0.0/21"], "address_space[0]: is 10.0.0.0/21, expected a network of /20 or larger"),
    "an overlap": (["10.0.0.0/8", "10.8.0.0/16"], "address_space[1]: is 10.8.0.0/16, which overlaps 10.0.0.0/8, expected apart from the others"),
}  # fmt: skip


@pytest.mark.parametrize(("space", "expected"), SPACES.values(), ids=SPACES)
def test_an_address_space_that_no_vpc_takes_is_refused(space: list[str], expected: str, tmp_path: Path) -> None:
    with pytest.raises(ProgrammeFileError) as caught:
        read_cells(written(tmp_path, content(tranche("a", 1), address_space=space)))
    assert expected in str(caught.value)


RECORDED: dict[str, tuple[Callable[[Content], object], str]] = {
    "a site in another account": (lambda c: site(c, 0, account="999999999999"), "sites[0].account: is 999999999999, expected 111122223333, where recorded cell dallas-a-gb200x72-t001 is: a cell never moves"),
    "a site that is gone": (lambda c: (c["sites"].pop(0), c["tranches"][0].update(site="dallas-b")), "no site dallas-a, in which recorded cell dallas-a-gb200x72-t001 is"),
    "a tranche at another site": (lambda c: c["tranches"][0].update(site="dallas-b"), "tranches[0].site: is dallas-b, expected dallas-a, as of the UltraServers of tranche a in the record"),
    "a tranche for another workload": (lambda c: c["tranches"][0].update(workload="inference"), "tranches[0].workload: is inference, expected training, as of the UltraServers"),
    "other stacks": (lambda c: c["fleet"].update(racks_per_stack=7), "fleet.racks_per_stack: is 7, expected 50, as it is recorded"),
    "more pods than subnets have addresses for": (lambda c: c["fleet"].update(max_pods=250), "fleet.max_pods: is 250, expected as few as the subnets of recorded cell dallas-a-gb200x72-t001 have addresses for"),
    "a limit that was lowered": (lambda c: c["limits"].update(raised(node_groups_per_cluster=5)), "limits.node_groups_per_cluster: is 5, expected 22 or more, for the 20 UltraServers that recorded cell dallas-a-gb200x72-t001 has"),
    "a largest job over the size of cells that exist": (lambda c: (c["fleet"].update(largest_job_accelerators=72 * 30), c["tranches"][0].update(ultraservers=30), c["limits"].update(raised(node_groups_per_cluster=60))), "the recorded cells were made for fewer, and nothing of them moves"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "expected"), RECORDED.values(), ids=RECORDED)
def test_what_would_move_a_cell_that_exists_is_refused(
    edit: Callable[[Content], object], expected: str, tmp_path: Path
) -> None:
    found = content(tranche("a", 20))
    path = written(tmp_path, found)
    record_file(path).write_text(Record.of(read_cells(path)).text("growth"), encoding="utf-8")
    edit(found)
    texts = refused(tmp_path, found)
    assert any(expected in text for text in texts), texts


DAMAGED: dict[str, tuple[Callable[[Content], object], str]] = {
    "a name twice": (lambda c: c["cells"][1].update(name=c["cells"][0]["name"]), "name: is dallas-a-gb200x72-t001, expected that of one cell"),
    "a number twice": (lambda c: c["cells"][1].update(number=0), "cells[1].number: is 0, expected that of one cell"),
    "an address twice": (lambda c: c["cells"][1].update(platform_cidr="10.0.0.0/16"), "10.0.0.0/16 is a part of 10.0.0.0/20 of dallas-a-gb200x72-t001, too"),
    "a rack twice": (lambda c: c["cells"][1]["racks"][0].update(first=28, last=28), "rack a-0028 is in dallas-a-gb200x72-t001, too, expected in one place"),
    "a slot twice": (lambda c: c["cells"][1]["racks"].append({"tranche": "b", "first": 1, "last": 1, "slot": 0}), "slot 0 is that of two racks"),
    "a slot that a cell hasn't": (lambda c: c["cells"][1]["racks"][0].update(slot=28), "is 2 racks from slot 28 on, expected slots below 28"),
    "an unknown key": (lambda c: c["cells"][0].update(vpc="vpc-1"), "cells[0].vpc: is an unknown key"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "expected"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_refused_with_its_line(
    edit: Callable[[Content], object], expected: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content(tranche("a", 30)))
    record = yaml.safe_load(Record.of(read_cells(path)).text("growth"))
    edit(record)
    record_file(path).write_text(yaml.safe_dump(record, sort_keys=False), encoding="utf-8")
    with pytest.raises(ProgrammeFileError) as caught:
        read_cells(path)
    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"{record_file(path)}:")
