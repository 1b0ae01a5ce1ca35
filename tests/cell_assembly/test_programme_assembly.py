"""A programme's assembly: cells that are written are what the CDK makes, and only what changed is made."""

import json
import re
import shutil
from pathlib import Path

import pytest

from helpers.rehearsal_site import ROOT
from ultrafleet.cell_assembly import app_run, pattern_memory
from ultrafleet.cell_assembly.programme_assembly import Made, ProgrammeAssembly, differences
from ultrafleet.cell_assembly.values import cell_values
from ultrafleet.cells import CellPlan, read_cells
from ultrafleet.environment import load_environments
from ultrafleet.environment.digest import refuse_stale_assembly
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, load_programme
from ultrafleet.templates.assembly import read_assembly

pytestmark = pytest.mark.slow

PROGRAMME = """
start: 2026-12-01
end: 2028-12-01
sites:
  - { name: one, region: us-east-1, zone: us-east-1-dfw-2a, account: "111122223333", platform_zones: ZONES }
  - { name: two, region: us-east-1, zone: us-east-1-dfw-2a, account: "222233334444", platform_zones: ZONES }
tranches:
  - { name: first, site: one, workload: training, type: u-p6e-gb200x72, ultraservers: RACKS, delivery: 2026-12-01,
      slip: { weeks: { 0: 1 } }, assumption: of a test }
  - { name: second, site: two, workload: training, type: u-p6e-gb200x72, ultraservers: 3, delivery: 2027-03-01,
      slip: { weeks: { 0: 1 } }, assumption: of a test }
fleet:
  { largest_job_accelerators: 144, reservations: RESERVATIONS, most_racks_per_cell: 4, racks_per_stack: 2,
      queue: QUEUE }
""".replace("ZONES", "[us-east-1a, us-east-1b]").replace(
    "QUEUE",
    '{ managers: [{ environment: desk, account: "999988887777", cidr: 172.16.0.0/20, type: u-p6e-gb200x72, '
    "sites: [two, one] }], teams: [pretraining] }",
)


class Site:
    """A repository with one programme, and its assembly."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.out = root / "cdk.out" / "programmes" / "small"
        (root / "stacks" / "programmes").mkdir(parents=True)
        for name in ("app.py", "cdk.json"):
            shutil.copy(ROOT / name, root)

    def plan(self, racks: int = 3, reservations: str = "assumed") -> tuple[CellPlan, FleetSettings]:
        path = self.root / "stacks" / "programmes" / "small.yaml"
        path.write_text(PROGRAMME.replace("RACKS", str(racks)).replace("RESERVATIONS", reservations))
        fleet = load_programme(path).fleet
        assert fleet is not None
        return read_cells(path), fleet

    def make(self, plan: CellPlan, fleet: FleetSettings) -> Made:
        return ProgrammeAssembly(root=self.root, programme="small", outdir=self.out).make(plan.cells, fleet)

    def templates(self) -> dict[str, str]:
        return {str(file.relative_to(self.out)): file.read_text() for file in self.out.rglob("*.template.json")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The programme, synthesised once."""
    found = Site(tmp_path_factory.mktemp("programme"))
    found.make(*found.plan())
    return found


@pytest.fixture
def no_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CDK isn't started."""

    def started(*_: object, **__: object) -> None:
        raise AssertionError("the app was started")

    monkeypatch.setattr(pattern_memory, "run_app", started)
    monkeypatch.setattr(app_run, "run_app", started)


def test_cells_of_two_accounts_are_what_the_cdk_makes_of_them(site: Site) -> None:
    plan, fleet = site.plan()
    made = site.make(plan, fleet)
    assert (made.cells, made.shapes, made.racks) == (2, 1, 6)
    assert differences(site.root, site.out, [cell_values(cell, fleet) for cell in plan.cells]) == []


def test_preflight_and_rehearsals_read_it_as_any_environment(site: Site) -> None:
    plan, _ = site.plan()
    for environment in load_environments(site.out / "environments"):
        refuse_stale_assembly(site.out / f"assembly-{environment.name}", environment)
        stacks = read_assembly(site.out / f"assembly-{environment.name}")
        assert {stack.name for stack in stacks} >= {f"{environment.name}-network", f"{environment.name}-operate"}
    nested = json.loads((site.out / "manifest.json").read_text())["artifacts"]
    assert {f"assembly-{cell.name}" for cell in plan.cells} <= set(nested)


@pytest.mark.usefixtures("no_app")
def test_nothing_is_made_while_nothing_changed(site: Site) -> None:
    made = site.make(*site.plan())
    assert (made.written, made.changed, made.patterns_made) == ((), (), 0)


@pytest.mark.usefixtures("no_app")
def test_a_rack_more_changes_one_template(site: Site) -> None:
    site.make(*site.plan())
    before = site.templates()
    made = site.make(*site.plan(racks=4))
    after = site.templates()
    differ = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert len(differ) == len(made.changed) == 1
    assert "racksfirst002" in differ.pop()
    site.make(*site.plan(racks=3))
    assert site.templates() == before


@pytest.mark.usefixtures("no_app")
def test_what_somebody_edited_is_written_again(site: Site) -> None:
    site.make(*site.plan())
    before = site.templates()
    (name,) = [name for name in before if "two" in name and "cluster" in name]
    (site.out / name).write_text("{}")
    made = site.make(*site.plan())
    assert (len(made.written), made.changed) == (1, (name,))
    assert site.templates() == before


@pytest.mark.usefixtures("no_app")
def test_a_template_past_a_limit_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, fleet = site.plan(racks=4)
    small = type("Limit", (), {"value": 20_000})
    monkeypatch.setattr("ultrafleet.cell_assembly.stamp.TEMPLATE_BYTES", small)
    with pytest.raises(FleetError, match=r"bytes, expected at most 20,000, CloudFormation's limit: lower"):
        site.make(plan, fleet)


def test_a_cell_with_a_hand_over_is_synthesised_as_it_is(site: Site) -> None:
    rows = ["rack,capacity_reservation_id,start,end"]
    for number, rack in enumerate(
        ["first-0001", "first-0002", "first-0003", "second-0001", "second-0002", "second-0003"]
    ):
        start = "2026-12-01" if rack.startswith("first") else "2027-03-01"
        end = "2027-01-12" if rack.startswith("first") else "2027-04-12"
        rows.append(f"{rack},cr-0000000000000a{number:03x},{start}T11:30:00Z,{end}T11:30:00Z")
    rows.append("second-0001,cr-0000000000000bbbb,2027-04-12T11:30:00Z,2027-05-24T11:30:00Z")
    (site.root / "stacks" / "programmes" / "small.csv").write_text("\n".join(rows) + "\n")
    plan, fleet = site.plan(reservations="small.csv")
    made = site.make(plan, fleet)
    assert [re.sub(r"-.*", "", name) for name in made.synthesised] == ["two"]
    assert sum("cr-0000000000000bbbb" in text for text in site.templates().values()) == 1
    assert differences(site.root, site.out, [cell_values(plan.cells[0], fleet)]) == []
