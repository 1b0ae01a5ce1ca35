"""`ultrafleet programme cells`: readable output, JSON, the record, exit codes."""

import json
import re
from pathlib import Path

import pytest
import yaml

from helpers.command import run
from helpers.programmes import Content, content, raised, tranche

ASSUMED = "  assumed: every reservation id is made up (cr-fa15e…), for planning and rehearsal; no deployment takes it\n"


def written(folder: Path, found: Content) -> str:
    (folder / "growth.yaml").write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    return str(folder)


def cells(folder: str, *options: str, name: str = "growth") -> tuple[int, str, str]:
    result = run("programme", "cells", name, "--programmes", folder, *options)
    return result.returncode, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return written(
        tmp_path, content(tranche("a", 60), tranche("b", 5, site="dallas-b"), limits=raised(vpcs_per_region=9))
    )


def test_a_group_of_cells_is_a_line(folder: str) -> None:
    code, text, _ = cells(folder)
    assert code == 0
    lines = text.splitlines()
    assert lines[0] == "growth: 65 UltraServers in 4 cells with 112 slots, 2 accounts, 1 region"
    assert [line.split()[:6] for line in lines if line.startswith("  dallas-")] == [
        ["dallas-a-gb200x72-t001", "…", "t003", "3", "28", "60"],
        ["dallas-b-gb200x72-t001", "1", "28", "5", "23", "managed"],
    ]
    assert "node_groups_per_cluster 30: 28  cidrs_per_vpc 5: 144" in text
    assert re.search(r"vpcs_per_region +5 +9 +L-F678F1CE +case 4711", text)
    assert "Network interfaces per Region" in text
    assert re.search(r"L-6D54EA21 +us-east-1 +30 +100 +111122223333, 222233334444 +cells of 98 instead of 28 Ult", text)


def test_all_gives_a_line_to_each_cell(folder: str) -> None:
    _, text, _ = cells(folder, "--all")
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  dallas-")] == [
        *(f"dallas-a-gb200x72-t00{number}" for number in (1, 2, 3)),
        "dallas-b-gb200x72-t001",
    ]


def test_what_is_written_is_read_again_and_holds(folder: str, tmp_path: Path) -> None:
    code, first, errors = cells(folder, "--write", "--json", "--output", str(tmp_path / "plan.json"))
    assert (code, first) == (0, "")
    assert errors == f"{tmp_path}/growth.cells.yaml records 65 UltraServers more: commit it\n"
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert [len(cell["racks"]) for cell in plan["cells"]] == [28, 28, 4, 5]
    assert plan["limits"]["vpcs_per_region"] == {"value": 9, "default": 5, "reason": "case 4711"}
    assert len(plan["unrecorded"]) == 65
    written(
        tmp_path,
        content(tranche("a", 61), tranche("b", 5, site="dallas-b"), limits=raised(node_groups_per_cluster=100)),
    )
    code, text, errors = cells(folder, "--json")
    again = json.loads(text)
    assert again["unrecorded"] == ["a-0061"]
    assert [(cell["name"], cell["slots"], len(cell["racks"])) for cell in again["cells"]] == [
        ("dallas-a-gb200x72-t001", 28, 28),
        ("dallas-a-gb200x72-t002", 28, 28),
        ("dallas-a-gb200x72-t003", 28, 5),
        ("dallas-b-gb200x72-t001", 28, 5),
    ]
    assert cells(folder, "--write")[2] == f"{tmp_path}/growth.cells.yaml records 1 UltraServers more: commit it\n"
    assert cells(folder, "--write")[2] == f"{tmp_path}/growth.cells.yaml has them all\n"


def test_cells_that_cant_be_had_are_findings_and_are_not_recorded(tmp_path: Path) -> None:
    folder = written(tmp_path, content(tranche("a", 2), largest_job_accelerators=10_000))
    code, text, errors = cells(folder, "--write")
    assert code == 1
    assert "refused:\n" in text
    assert f"  {tmp_path}/growth.yaml:" in text
    assert errors == f"{tmp_path}/growth.cells.yaml isn't written: the cells can't be had so\n"
    assert not (tmp_path / "growth.cells.yaml").exists()


def test_a_programme_without_ultraservers_has_no_cells_to_record(tmp_path: Path) -> None:
    code, text, errors = cells(written(tmp_path, content()), "--write")
    assert (code, text) == (
        0,
        "growth: 0 UltraServers in 0 cells with 0 slots, 0 accounts, 0 regions\n\nnotes:\n" + ASSUMED,
    )
    assert errors == f"{tmp_path}/growth.cells.yaml isn't written: the programme has no UltraServers\n"


def test_a_name_that_no_programme_has_is_unusable(folder: str) -> None:
    code, _, errors = cells(folder, name="grwth")
    assert code == 2
    assert (
        errors
        == f"error: programme is 'grwth', expected one of growth in {folder}: write its name, or the path of its file\n"
    )


def test_every_fault_of_the_file_has_its_line(tmp_path: Path) -> None:
    found = content(tranche("a", 2), largest_job_accelerators=0, reservations="racks.txt", kubernetes_version=1.3)
    code, _, errors = cells(written(tmp_path, found))
    assert code == 2
    assert len(errors.splitlines()) == 2
    assert "fleet.largest_job_accelerators: is 0, expected 1 or more" in errors
