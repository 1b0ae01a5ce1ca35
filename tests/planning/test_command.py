"""`ultrafleet capacity plan`: verdicts, tables, JSON, next commands and refusals."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from helpers import command
from ultrafleet.offers import Offer, OfferSegment, Question

ROOT = Path(__file__).parent.parent.parent
TRAINING = ROOT / "stacks" / "environments" / "training.yaml"
AS_OF = "2026-11-26"
RACK = "u-p6e-gb200x72"

Content = dict[str, Any]


def run(*arguments: str, environment: dict[str, str] | None = None) -> CompletedProcess[str]:
    return command.run("capacity", "plan", *arguments, "--as-of", AS_OF, environment=environment)


def planned(*arguments: str, code: int = 0) -> Content:
    done = run(*arguments, "--json")
    assert done.returncode == code, done.stderr
    found: Content = json.loads(done.stdout)
    return found


def environment(folder: Path, *, end: date, racks: int = 2, level: float = 0.9, **changes: Any) -> str:
    """Path of the training environment with a target; its two racks end on 2027-01-12 and 2027-01-26."""
    content = yaml.safe_load(TRAINING.read_text())
    content["targets"] = [
        {
            "name": "pretraining",
            "workload": "training",
            "type": RACK,
            "service_level": level,
            "steps": [{"start": date(2026, 12, 1), "ultraservers": racks}],
            "end": end,
            **changes,
        }
    ]
    path = folder / "training.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return str(path)


def offer(start: date, days: int, usd: float, **changes: Any) -> Content:
    begins = datetime(start.year, start.month, start.day, 11, 30, tzinfo=UTC)
    segment = OfferSegment(
        type=RACK, count=1, zone="us-east-1-dfw-2a", start=begins, end=begins + timedelta(days=days), fee=usd
    )
    found = Offer(
        id="cbo-0123456789abcdef0",
        account="111122223333",
        region="us-east-1",
        question=Question(type=RACK, count=1, days=days),
        segments=(segment,),
        currency="USD",
        fee=usd,
    )
    return {**found.as_json(), **changes}


def offers(folder: Path, *found: Content) -> str:
    path = folder / "offers.json"
    path.write_text(json.dumps({"offers": found, "in_other_currencies": []}))
    return str(path)


def test_owned_blocks_need_neither_solver_nor_money(tmp_path: Path) -> None:
    path = environment(tmp_path, end=date(2027, 1, 12))
    hidden = tmp_path / "hidden"
    for name in ("highspy", "numpy"):  # as where the extra isn't installed
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text("raise ModuleNotFoundError(__name__)")
    done = run(path, environment={"PYTHONPATH": str(hidden)})
    assert (done.returncode, done.stderr) == (0, "")
    assert "owned capacity covers every target: no solver was needed" in done.stdout
    assert "every step of training is met" in done.stdout


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "highspy", None)
    done = run(environment(tmp_path, end=date(2027, 3, 1)))
    assert done.returncode == 2
    assert done.stderr == ("error: highspy is not installed, expected the solver: pip install 'ultrafleet[plan]'\n")


def test_a_gap_is_closed_by_extensions_at_a_price_that_is_assumed(tmp_path: Path) -> None:
    plan = planned(environment(tmp_path, end=date(2027, 3, 30)))
    assert plan["met"]
    assert [(item["kind"], item["pool"], item["start"], item["end"]) for item in plan["purchases"]] == [
        ("extension", "training/rack-a", "2027-01-12", "2027-03-30"),
        ("extension", "training/rack-b", "2027-01-26", "2027-03-30"),
    ]
    assert all("which no search has found" in item["assumption"] for item in plan["purchases"])
    assert plan["usd"] == pytest.approx((77 + 63) * 24 * 761.904)
    assert plan["solving"]["gap"] == pytest.approx(0, abs=1e-6)
    (due, later) = plan["purchases"]
    assert due["commands"] == [
        "ultrafleet capacity extend training/rack-a --days 77 --max-price-usd 1407999",
    ]
    assert not later["is_due"]  # 61 days ahead
    needed = "what costs more than 100,000 USD needs a second person's approval: pass --approval FILE"
    assert needed in plan["notes"]
    cheap = planned(environment(tmp_path, end=date(2027, 1, 15)))  # three days of rack-a
    assert needed not in cheap["notes"]


def test_the_command_names_a_block_that_is_not_the_pools_last(tmp_path: Path) -> None:
    plan = planned(environment(tmp_path, end=date(2027, 3, 30), racks=40), code=1)
    commands = [command for item in plan["purchases"] for command in item.get("commands", ()) if "extend" in command]
    assert any("training/rack-a --block cr-0aaaaaaaaaaaaaaa1 --days" in command for command in commands)
    assert any("training/rack-a --days" in command for command in commands)


def test_a_block_with_a_successor_in_its_pool_is_extended_by_a_hand_over_at_most(tmp_path: Path) -> None:
    # Beside its successor it would be paid for nothing, and `capacity extend` refuses it.
    plan = planned(environment(tmp_path, end=date(2027, 3, 31), racks=3))
    extended = [item for item in plan["purchases"] if item["name"] == "cr-0aaaaaaaaaaaaaaa1"]
    assert all(item["end"] <= "2026-12-16" for item in extended)
    blocks = [item for item in plan["purchases"] if item["kind"] == "later block"]
    assert min(item["start"] for item in blocks) == "2026-12-01"
    assert max(item["end"] for item in blocks) == "2027-03-31"  # the third rack, to the end


def test_later_blocks_are_in_a_local_zone_only_where_documents_name_it(tmp_path: Path) -> None:
    nodes = [{"start": date(2026, 12, 1), "instances": 4}]
    path = environment(tmp_path, end=date(2027, 3, 31), type="p6-b300.48xlarge", steps=nodes)
    assert planned(path, code=1)["purchases"] == []  # the subnet in us-east-1b is full, the one in Dallas isn't
    Path(path).write_text(Path(path).read_text().replace("10.64.16.0/24", "10.64.16.0/22"))
    assert {item["place"] for item in planned(path)["purchases"]} == {"us-east-1b"}
    plan = planned(environment(tmp_path, end=date(2027, 3, 31), racks=3))
    assert {item["place"] for item in plan["purchases"]} == {"us-east-1-dfw-2a"}


def test_an_extension_of_days_that_are_not_sold_at_once_is_bought_in_parts(tmp_path: Path) -> None:
    plan = planned(environment(tmp_path, end=date(2027, 1, 31)))
    assert [(item["pool"], item["start"], item["end"]) for item in plan["purchases"]] == [
        ("training/rack-a", "2027-01-12", "2027-01-26"),
        ("training/rack-a", "2027-01-26", "2027-01-31"),
        ("training/rack-b", "2027-01-26", "2027-01-31"),
    ]


def test_a_cheaper_offer_is_taken_and_its_command_can_be_run(tmp_path: Path) -> None:
    path = environment(tmp_path, end=date(2027, 1, 26))
    plan = planned(path, "--offers", offers(tmp_path, offer(date(2027, 1, 12), 14, 200_000.5)))
    (bought,) = plan["purchases"]
    assert (bought["kind"], bought["assumption"], bought["usd"]) == ("offer", None, 200_000.5)
    assert bought["commands"] == [
        (
            "ultrafleet capacity buy cbo-0123456789abcdef0 "
            "--env training --pool rack-a --days 14 --start 2027-01-11 --max-price-usd 200001"
        )
    ]


def test_an_offer_to_another_account_or_zone_is_left_out_and_named(tmp_path: Path) -> None:
    path = environment(tmp_path, end=date(2027, 1, 26))
    elsewhere = offer(date(2027, 1, 12), 14, 1.0, id="cbo-b")
    elsewhere["segments"] = [{**elsewhere["segments"][0], "zone": "us-east-1c"}]
    other = offer(date(2027, 1, 12), 14, 1.0, id="cbo-a", account="444455556666")
    plan = planned(path, "--offers", offers(tmp_path, other, elsewhere))
    assert [item["kind"] for item in plan["purchases"]] == ["extension"]
    assert [note for note in plan["notes"] if "cbo-" in note] == [
        "offer cbo-a is to account 444455556666: an UltraServer block can't be shared with training",
        "offer cbo-b is in us-east-1c, where training has no subnet",
    ]


def test_level_one_forbids_the_gap_between_two_blocks(tmp_path: Path) -> None:
    """The racks' second blocks follow their first ones without an overlap."""
    lenient = planned(environment(tmp_path, end=date(2026, 12, 31)))
    strict = planned(environment(tmp_path, end=date(2026, 12, 31), level=1.0))
    assert lenient["purchases"] == []
    (bought,) = strict["purchases"]
    # The first block goes on for a day while the second one begins: no shorter overlap is sold.
    assert (bought["kind"], bought["start"], bought["end"]) == ("extension", "2026-12-15", "2026-12-16")


def test_more_racks_than_the_subnet_has_addresses_for_are_refused_with_the_reason(tmp_path: Path) -> None:
    plan = planned(environment(tmp_path, end=date(2027, 1, 12), racks=5), code=1)
    (step,) = plan["steps"]
    room = "the accelerator subnets of training in us-east-1-dfw-2a have addresses for 4 UltraServers at once"
    assert {item["reason"] for item in step["shortfalls"]} == {f"{room}, in a hand-over too"}
    assert {item["units"] for item in step["shortfalls"]} == {1}


def test_the_limit_on_a_date_is_a_reason_and_can_be_raised(tmp_path: Path) -> None:
    path = environment(tmp_path, end=date(2027, 1, 12), racks=3)
    assert planned(path)["met"]
    done = run(path, "--instances-on-a-date", "36")
    assert done.returncode == 1
    assert "uncovered: pretraining: 1 UltraServer 2026-12-01 to 2027-01-12: no more than 36 instances" in done.stdout
    assert "SageMaker sells UltraServers" in done.stdout


def programme(folder: Path, **changes: Any) -> str:
    content = {
        "start": date(2026, 12, 1),
        "end": date(2027, 12, 1),
        "budget_usd": 200_000_000.0,
        "sites": [{"name": "dallas", "region": "us-east-1", "zone": "us-east-1-dfw-2a"}],
        "targets": [
            {
                "name": "growth",
                "workload": "training",
                "type": RACK,
                "service_level": 0.9,
                "steps": [{"start": date(2027, 2, 1), "ultraservers": 8}],
                "end": date(2027, 12, 1),
            }
        ],
        "tranches": [
            {
                "name": "first",
                "site": "dallas",
                "workload": "training",
                "type": RACK,
                "ultraservers": 8,
                "delivery": date(2027, 1, 11),
                "usd_per_hour": 400.0,
                "slip": {"weeks": {0: 0.5, 4: 0.3, 8: 0.2}},
                "assumption": "no date is public",
            }
        ],
        "later_blocks": [
            {"type": RACK, "site": "dallas", "ultraservers": 14, "usd_per_hour": 761.904, "source": "October 2026"}
        ],
        **changes,
    }
    path = folder / "growth.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return str(path)


def test_a_delivery_that_may_slip_is_bridged_and_the_value_is_shown(tmp_path: Path) -> None:
    done = run(programme(tmp_path))
    assert done.returncode == 0, done.stderr
    for part in (
        "without slip",
        "value of planning with slip: 1 of 1 steps reach their level instead of 0",
        "it pays where a missing unit-hour costs more than",
        "USD of it are at assumed prices",
        "of the budget of 200,000,000 USD",
        "tranche first: no date is public",
        "later_blocks[0]: 14 u-p6e-gb200x72 at once at dallas at 761.904 USD an hour: October 2026",
        "gap 0.0",
    ):
        assert part in done.stdout
    plan = planned(programme(tmp_path))
    (bought,) = plan["purchases"]  # eight racks until the delivery that is eight weeks late
    assert (bought["start"], bought["end"], bought["units"]) == ("2027-02-01", "2027-03-08", 8)
    assert plan["slip_value"]["extra_usd"] == pytest.approx(plan["usd"])
    assert plan["expected_usd"] < plan["usd"]


def test_the_same_seed_makes_the_same_plan(tmp_path: Path) -> None:
    path = programme(tmp_path)
    one, two = (planned(path, "--seed", "7") for _ in range(2))
    for plan in (one, two):
        del plan["solving"]["seconds"]
    assert one == two


def test_a_programme_counts_what_its_environments_have(tmp_path: Path) -> None:
    path = programme(tmp_path, environments=["training"])
    (span, *_) = planned(path)["timeline"]["growth"]
    assert span["owned"] == 0  # the racks' blocks are over by February
    early = programme(tmp_path, environments=["training"], targets=[
        {"name": "growth", "workload": "training", "type": RACK, "service_level": 0.9,
         "steps": [{"start": date(2026, 12, 1), "ultraservers": 2}], "end": date(2027, 1, 12)}
    ])  # fmt: skip
    assert planned(early)["timeline"]["growth"][0]["owned"] == 2


def test_without_stated_blocks_nothing_is_assumed_for_a_programme(tmp_path: Path) -> None:
    plan = planned(programme(tmp_path, later_blocks=[]), code=1)
    (step,) = plan["steps"]
    assert plan["purchases"] == []
    assert step["shortfalls"][0]["reason"].startswith("nothing is on offer for these days")


REFUSALS: dict[str, tuple[tuple[str, ...], str]] = {
    "no such name": (("nowhere",), "nowhere is no environment or programme, expected one of"),
    "no targets": (("dev",), "targets of dev are not stated, expected what is wanted from when on: add targets"),
    "no file": (("none/training.yaml",), "can't be read"),
    "no offers": (("training", "--offers", "none.json"), "none.json can't be read"),
    "not offers": (("training", "--offers", "cdk.json"), "cdk.json is no list of offers"),
    "no history": (("training", "--offers", "none.jsonl"), "none.jsonl can't be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_fails_with_unusable_input(case: str) -> None:
    arguments, said = REFUSALS[case]
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_fails_with_offers_in_another_currency(tmp_path: Path) -> None:
    path = environment(tmp_path, end=date(2027, 3, 1))
    done = run(path, "--offers", offers(tmp_path, offer(date(2027, 1, 12), 14, 1.0, currency="EUR")))
    assert done.returncode == 2
    assert "offers.json holds offers in another currency: cbo-0123456789abcdef0 in EUR, expected offers in USD" in (
        done.stderr
    )


def test_fails_with_targets_that_are_over(tmp_path: Path) -> None:
    steps = [{"start": date(2025, 1, 1), "ultraservers": 1}]
    done = run(environment(tmp_path, end=date(2026, 1, 1), steps=steps))
    assert done.returncode == 2
    assert "targets of training are over by 2026-11-26" in done.stderr


def test_fails_with_a_name_that_two_files_have(tmp_path: Path) -> None:
    environment(tmp_path, end=date(2027, 3, 1))
    done = run("training", "--environments", str(tmp_path), "--programmes", str(tmp_path))
    assert done.returncode == 2
    assert "expected one of them: write its path" in done.stderr
