"""Queues over cells of a programme: who manages what, what both files say, what is refused, and a lost cell."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.command import run
from helpers.programmes import Content, content, programme, tranche
from ultrafleet.cell_assembly.values import pattern_values
from ultrafleet.cells import Cell, cell_queue_content, cut, manager_content, manager_of
from ultrafleet.cells.as_environment import cell_content
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, QueueSettings
from ultrafleet.programme.queue_settings import OtherClusterSettings

DESK: Content = {"environment": "desk", "account": "999988887777", "cidr": "172.16.0.0/20", "type": "u-p6e-gb200x72"}
OTHER: Content = {
    "name": "other-cloud",
    "provider": "kubernetes",
    "nodes_at": "other cloud",
    "kubeconfig_secret": "other-cloud",
    "holds": {"nvidia.com/gpu": 512},
}
TRANCHES = (tranche("first", 5), tranche("second", 3, site="dallas-b"))


def fleet_of(*managers: Content, racks: int = 2, **fleet: Any) -> tuple[FleetSettings, tuple[Cell, ...]]:
    queue = {"teams": ["pretraining"], "managers": list(managers)}
    made = programme(*TRANCHES, queue=queue, most_racks_per_cell=racks, **fleet)
    assert made.fleet is not None
    return made.fleet, cut(made).cells


def queue_of(fleet: FleetSettings) -> QueueSettings:
    assert fleet.queue is not None
    return fleet.queue


def test_a_manager_has_its_cells_in_the_order_of_its_sites_and_clusters_elsewhere_last() -> None:
    fleet, cells = fleet_of({**DESK, "sites": ["dallas-b", "dallas-a"], "clusters": [OTHER]})
    [manager] = queue_of(fleet).managers
    found = manager_content(manager, fleet, cells)
    [queue] = found["kubernetes"]["manages"]["queues"]
    names = [worker["name"] for worker in queue["workers"]]
    assert [name[:8] for name in names] == ["dallas-b"] * 2 + ["dallas-a"] * 3 + ["other-cl"]
    assert queue["capacity"] == {"u-p6e-gb200x72": sum(cell.slots for cell in cells)}
    assert queue["elsewhere"] == {"nvidia.com/gpu": 512}
    argo_cd = {
        "repository": "https://git.example.com/fleet.git",
        "path": "argo-cd/desk",
        "idc_instance_arn": "arn:aws:sso:::instance/ssoins-0123456789abcdef",
    }
    existing = {"name": "desk", "addons": ["eks-pod-identity-agent"]}
    file = {
        "name": "desk",
        "account": "111122223333",
        "region": "us-east-1",
        "production": True,
        "cluster": {"existing": existing, "kubernetes_version": "1.35"},
        "pools": [],
        "teams": found["teams"],
        "kubernetes": {**found["kubernetes"], "delivery": "argo_cd", "dashboard": False, "argo_cd": argo_cd},
    }
    environment = Environment.model_validate(file)
    assert environment.kubernetes.manages is not None
    assert len(environment.kubernetes.manages.over_cells[0].workers) == 6


def test_a_cell_names_the_manager_that_names_it() -> None:
    fleet, cells = fleet_of(DESK, {**DESK, "environment": "desk-2"})
    queue = queue_of(fleet)
    by_manager = {
        manager.environment: [
            worker["name"]
            for worker in manager_content(manager, fleet, cells)["kubernetes"]["manages"]["queues"][0]["workers"]
        ]
        for manager in queue.managers
    }
    assert sorted(name for names in by_manager.values() for name in names) == sorted(cell.name for cell in cells)
    for cell in cells:
        manager = manager_of(cell, queue)
        assert manager is not None
        assert cell.name in by_manager[manager.environment]
        found = cell_content(cell, fleet)
        role = found["kubernetes"]["worker_of"]["manager_role_arn"]
        assert role == f"arn:aws:iam::999988887777:role/{manager.environment}-multikueue"
        assert found["cluster"]["api_access_cidrs"] == ["172.16.0.0/20"]
        assert found["teams"] == [{"name": "pretraining", "workload": "training"}]


def test_a_cells_pattern_has_the_manager_of_the_cell() -> None:
    fleet, cells = fleet_of(
        {**DESK, "sites": ["dallas-a"]}, {**DESK, "environment": "desk-2", "sites": ["dallas-a", "dallas-b"]}
    )
    patterns: dict[str, set[str]] = {}
    for cell in cells:
        manager = manager_of(cell, queue_of(fleet))
        assert manager is not None
        patterns.setdefault(manager.environment, set()).add(pattern_values(cell, fleet, 1).file)
    assert {name: len(found) for name, found in patterns.items()} == {"desk": 1, "desk-2": 1}
    for name, [file] in patterns.items():
        content = yaml.safe_load(file)
        assert (
            content["kubernetes"]["worker_of"]["manager_role_arn"]
            == f"arn:aws:iam::999988887777:role/{name}-multikueue"
        )
        assert content["teams"] == [{"name": "pretraining", "workload": "training"}]
    alone, [cell, *_] = fleet_of({**DESK, "type": "u-p6e-gb300x72", "clusters": [OTHER]})
    assert "worker_of" not in pattern_values(cell, alone, 1).file


def test_a_cell_keeps_its_manager_when_others_come() -> None:
    managers = (DESK, {**DESK, "environment": "desk-2"})
    fleet, cells = fleet_of(*managers)
    grown = programme(tranche("first", 9), TRANCHES[1], queue={"managers": list(managers)}, most_racks_per_cell=2)
    more = {cell.name: cell for cell in cut(grown).cells if cell.site.name == "dallas-a"}
    for cell in cells:
        if cell.name in more and more[cell.name].number == cell.number:
            first, second = manager_of(cell, queue_of(fleet)), manager_of(more[cell.name], queue_of(fleet))
            assert first == second


def test_a_cell_of_another_type_has_no_manager() -> None:
    fleet, cells = fleet_of({**DESK, "type": "u-p6e-gb300x72", "clusters": [OTHER]})
    assert cell_queue_content(cells[0], queue_of(fleet)) == {}


@pytest.mark.parametrize(
    ("manager", "racks", "message"),
    [
        ({"type": "u-p6e-gb300x72"}, 2, "manager desk has no cell, expected cells of u-p6e-gb300x72 for training"),
        (
            {"sites": ["nowhere"]},
            2,
            "sites of manager desk name 'nowhere', expected sites of cells: dallas-a, dallas-b",
        ),
        ({"cidr": "10.0.0.0/8"}, 2, "cidr of manager desk is 10.0.0.0/8, expected one that overlaps no cell's"),
        (
            {"clusters": [{**OTHER, "name": f"cloud-{number}"} for number in range(16)]},
            2,
            "manager desk has 5 cells and 16 other clusters, expected 20 workers at most",
        ),
    ],
)
def test_fails_with_managers_that_do_not_fit_the_cells(manager: Content, racks: int, message: str) -> None:
    fleet, cells = fleet_of({**DESK, **manager}, racks=racks)
    with pytest.raises(FleetError, match=message.replace("'", ".").replace("(", ".")):
        manager_content(queue_of(fleet).managers[0], fleet, cells)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"provider": "eks-hybrid"}, "EKS supports no hybrid nodes in other clouds or in AWS Regions"),
        ({"kubeconfig_secret": None}, "cluster other-cloud has no way into it, expected kubeconfig_secret"),
        ({"region": "us-east-1"}, "has kubeconfig_secret, region, expected kubeconfig_secret"),
    ],
)
def test_fails_with_clusters_that_cannot_be_reached_so(edit: Content, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OtherClusterSettings.model_validate(
            {key: value for key, value in {**OTHER, **edit}.items() if value is not None}
        )


def test_hybrid_nodes_on_premises_are_a_worker_with_a_role() -> None:
    plant = {
        "name": "plant",
        "provider": "eks-hybrid",
        "nodes_at": "on-premises",
        "region": "us-east-1",
        "role_arn": "arn:aws:iam::444455556666:role/plant-multikueue",
        "holds": {"nvidia.com/gpu": 64},
    }
    fleet, cells = fleet_of({**DESK, "clusters": [plant]})
    found = manager_content(queue_of(fleet).managers[0], fleet, cells)
    assert found["kubernetes"]["manages"]["queues"][0]["workers"][-1] == {
        "name": "plant", "region": "us-east-1", "role_arn": "arn:aws:iam::444455556666:role/plant-multikueue",
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = content(*TRANCHES, queue={"managers": [DESK]}, most_racks_per_cell=2)
    (tmp_path / "growth.yaml").write_text(yaml.safe_dump(found))
    return tmp_path


def test_the_largest_cell_is_lost_and_each_job_moves_or_is_explained(folder: Path) -> None:
    jobs = [
        {"name": "two-racks", "cell": "dallas-a-gb200x72-t001", "accelerators": 144},
        {"name": "small", "cell": "dallas-b-gb200x72-t002", "accelerators": 72, "priority": "opportunistic"},
    ]
    (folder / "jobs.yaml").write_text(yaml.safe_dump(jobs))
    done = run("programme", "lose", "growth", str(folder / "jobs.yaml"), "--programmes", str(folder))
    assert done.stdout.splitlines() == [
        "dallas-a-gb200x72-t001 is lost",
        "  two-racks (36 nodes) in dallas-a-gb200x72-t002 after 900 s: its cell dallas-a-gb200x72-t001 was lost",
        "1 admitted again, 0 waiting",
    ]
    assert done.returncode == 0
    jobs.append({"name": "other", "cell": "dallas-a-gb200x72-t002", "accelerators": 144})
    jobs.append({"name": "third", "cell": "dallas-b-gb200x72-t001", "accelerators": 144})
    (folder / "jobs.yaml").write_text(yaml.safe_dump(jobs))
    done = run("programme", "lose", "growth", str(folder / "jobs.yaml"), "--programmes", str(folder))
    assert "two-racks (36 nodes) waits: it waits for 36 nodes" in done.stdout
    assert done.returncode == 1


def test_fails_with_a_job_in_no_cell_or_a_file_that_is_none(folder: Path) -> None:
    (folder / "jobs.yaml").write_text("[{name: a, cell: nowhere, accelerators: 4}]")
    done = run("programme", "lose", "growth", str(folder / "jobs.yaml"), "--programmes", str(folder))
    assert (done.returncode, "cell of job a is 'nowhere'" in done.stderr) == (2, True)
    (folder / "jobs.yaml").write_text("{}")
    done = run("programme", "lose", "growth", str(folder / "jobs.yaml"), "--programmes", str(folder))
    assert (done.returncode, "is no list of jobs" in done.stderr) == (2, True)


def test_the_managers_part_is_printed(folder: Path) -> None:
    done = run("programme", "queue", "growth", "--programmes", str(folder))
    assert done.returncode == 0
    assert len(yaml.safe_load(done.stdout)["kubernetes"]["manages"]["queues"][0]["workers"]) == 5
