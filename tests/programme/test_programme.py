"""Programme files: what is read, distributions of slip, and every fault with the file and the path in it."""

# ruff: noqa: E501 - the table of refusals has one in each line

from collections.abc import Callable
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.programme import Programme, ProgrammeFileError, SlipSettings, load_programme

Content = dict[str, Any]

CONTENT: Content = {
    "start": date(2026, 12, 1),
    "end": date(2028, 12, 1),
    "sites": [{"name": "dallas", "region": "us-east-1", "zone": "us-east-1-dfw-2a"}],
    "targets": [
        {
            "name": "training",
            "workload": "training",
            "type": "u-p6e-gb200x72",
            "service_level": 0.9,
            "steps": [{"start": date(2027, 1, 1), "accelerators": 700}, {"start": date(2027, 7, 1), "ultraservers": 20}],
            "end": date(2028, 12, 1),
        }
    ],
    "tranches": [
        {
            "name": "first",
            "site": "dallas",
            "workload": "training",
            "type": "u-p6e-gb200x72",
            "ultraservers": 10,
            "delivery": date(2026, 12, 20),
            "slip": {"weeks": {0: 0.6, 4: 0.3, 12: 0.1}},
            "assumption": "no date is public",
        }
    ],
    "later_blocks": [
        {"type": "u-p6e-gb200x72", "ultraservers": 14, "usd_per_hour": 761.904, "assumption": "the price holds"}
    ],
}  # fmt: skip


def load(tmp_path: Path, edit: Callable[[Content], object] = lambda _: None) -> Programme:
    content = deepcopy(CONTENT)
    edit(content)
    path = tmp_path / "growth.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_programme(path)


def target(content: Content) -> Content:
    found: Content = content["targets"][0]
    return found


def tranche(content: Content) -> Content:
    found: Content = content["tranches"][0]
    return found


def test_a_programme_is_named_after_its_file_and_counts_in_units_that_are_bought(tmp_path: Path) -> None:
    programme = load(tmp_path)
    (training,) = programme.targets
    assert programme.name == "growth"
    assert [step.units(training.sold) for step in training.steps] == [10, 20]  # 700 GPUs are ten racks of 72
    assert programme.tranches[0].count == 10


REFUSALS: dict[str, tuple[Callable[[Content], object], str]] = {
    "ends before it begins": (
        lambda c: c.update(end=date(2026, 11, 1)),
        "end: is 2026-11-01, expected a day after the start 2026-12-01",
    ),
    "target ends before": (
        lambda c: target(c).update(end=date(2027, 6, 1)),
        "targets[0].end: end of target training is 2027-06-01, expected a day after 2027-07-01",
    ),
    "steps out of order": (
        lambda c: target(c)["steps"].reverse(),
        "targets[0].steps: steps of target training list 2027-01-01 after 2027-07-01",
    ),
    "target outside": (
        lambda c: target(c)["steps"][0].update(start=date(2026, 1, 1)),
        "target training lasts 2026-01-01 to 2028-12-01, expected days of the programme",
    ),
    "unknown type": (
        lambda c: target(c).update(type="u-p7x99"),
        "targets[0].type: is 'u-p7x99', expected one that the catalog knows",
    ),
    "member": (
        lambda c: target(c).update(type="p6e-gb200.36xlarge"),
        "expected u-p6e-gb200x36, u-p6e-gb200x72: it comes in whole UltraServers",
    ),
    "negative": (
        lambda c: target(c)["steps"][0].update(accelerators=-1),
        "targets[0].steps[0].accelerators: is -1, expected 0 or more",
    ),
    "two units": (
        lambda c: target(c)["steps"][0].update(ultraservers=1),
        "targets[0].steps[0]: count is ultraservers and accelerators, expected one of",
    ),
    "no unit": (
        lambda c: target(c)["steps"][0].pop("accelerators"),
        "targets[0].steps[0]: count is missing, expected one of",
    ),
    "unit of another type": (
        lambda c: target(c)["steps"].append({"start": date(2027, 8, 1), "instances": 2}),
        "step 3 of target training: instances is stated for u-p6e-gb200x72, expected ultraservers or accelerators",
    ),
    "level above one": (
        lambda c: target(c).update(service_level=1.5),
        "targets[0].service_level: is 1.5, expected at most 1",
    ),
    "level zero": (lambda c: target(c).update(service_level=0), "targets[0].service_level: is 0, expected more than 0"),
    "two targets of a kind": (
        lambda c: c["targets"].append({**target(c), "name": "other"}),
        "targets training and other are both of u-p6e-gb200x72 for training",
    ),
    "probabilities": (
        lambda c: tranche(c)["slip"]["weeks"].update({4: 0.4}),
        "tranches[0].slip: probabilities of slip sum to 1.1, expected 1",
    ),
    "probabilities with never": (
        lambda c: tranche(c)["slip"].update(never=0.1),
        "tranches[0].slip: probabilities of slip sum to 1.1, expected 1",
    ),
    "negative probability": (
        lambda c: tranche(c)["slip"]["weeks"].update({0: -0.6}),
        "tranches[0].slip.weeks.0: is -0.6, expected 0 or more",
    ),
    "negative slip": (lambda c: tranche(c)["slip"]["weeks"].update({-4: 0.0}), "tranches[0].slip.weeks"),
    "two distributions": (
        lambda c: tranche(c)["slip"].update(uniform_weeks=[0, 4]),
        "slip: has weeks and uniform_weeks, expected one of",
    ),
    "no distribution": (lambda c: tranche(c).update(slip={}), "slip: has no distribution, expected one of"),
    "bounds the wrong way": (
        lambda c: tranche(c).update(slip={"uniform_weeks": [8, 4]}),
        "weeks of slip are [8, 4], expected in rising order",
    ),
    "certainty of what may never come": (
        lambda c: (target(c).update(service_level=1), tranche(c).update(slip={"exponential_weeks": {"mean": 3}})),
        "target training has service level 1 from 2027-01-01, and tranche first may slip without bound",
    ),
    "certainty in one step": (
        lambda c: (
            target(c)["steps"][1].update(service_level=1),
            tranche(c).update(slip={"uniform_weeks": [0, 4], "never": 0.1}),
        ),
        "service level 1 from 2027-07-01",
    ),
    "unknown site": (
        lambda c: tranche(c).update(site="reno"),
        "tranche first names site 'reno', expected one of dallas",
    ),
    "zone elsewhere": (
        lambda c: c["sites"][0].update(region="us-west-2"),
        "sites[0]: site dallas is in us-east-1-dfw-2a, expected a zone of us-west-2",
    ),
    "slips with itself": (lambda c: tranche(c).update(slips_with="first"), "slips_with of tranche first is 'first'"),
    "slips with nothing": (lambda c: tranche(c).update(slips_with="second"), "slips_with of tranche first is 'second'"),
    "tranche ends before": (
        lambda c: tranche(c).update(end=date(2026, 12, 20)),
        "tranches[0].end: end of tranche first is 2026-12-20",
    ),
    "no basis": (lambda c: tranche(c).pop("assumption"), "tranches[0]: figures have neither source nor assumption"),
    "both bases": (lambda c: tranche(c).update(source="a letter"), "tranches[0]: figures have source and assumption"),
    "other currency": (
        lambda c: c.update(currency="EUR"),
        "currency: is 'EUR', expected USD",
    ),
    "price of nothing": (
        lambda c: c["later_blocks"][0].update(usd_per_hour=0),
        "later_blocks[0].usd_per_hour: is 0, expected more than 0",
    ),
    "reservations of a rack": (
        lambda c: c.update(on_demand_reservations=c["later_blocks"]),
        "on_demand_reservations[0].type: is u-p6e-gb200x72, expected a type for which AWS documents",
    ),
    "a limit without a reason": (
        lambda c: c.update(limits={"block_instances_on_a_date": 3600}),
        "limits: reason is missing",
    ),
    "unknown key": (lambda c: tranche(c).update(slp=1), "tranches[0].slp: is an unknown key"),
    "the same tranche twice": (lambda c: c["tranches"].append(tranche(c)), "tranches: have 'first' twice"),
    "a name": (lambda c: c.update(name="x"), "name: is 'x', expected none"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_fails_with_the_file_and_the_path(tmp_path: Path, case: str) -> None:
    edit, said = REFUSALS[case]
    with pytest.raises(ProgrammeFileError) as error:
        load(tmp_path, edit)
    assert said in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "growth.yaml"))


def test_fails_with_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "growth.yaml"
    with pytest.raises(ProgrammeFileError, match="can't be read"):
        load_programme(path)
    path.write_text("- a list")
    with pytest.raises(ProgrammeFileError, match="is a list, expected a mapping"):
        load_programme(path)
    path.write_text("a: [")
    with pytest.raises(ProgrammeFileError, match="is no valid YAML"):
        load_programme(path)


DISTRIBUTIONS: dict[str, tuple[Content, dict[int | None, float]]] = {
    "by week": ({"weeks": {0: 0.6, 4: 0.3, 12: 0.1}}, {0: 0.6, 4: 0.3, 12: 0.1}),
    "uniform": ({"uniform_weeks": [2, 5]}, {2: 0.25, 3: 0.25, 4: 0.25, 5: 0.25}),
    "triangular": ({"triangular_weeks": [0, 2, 4]}, {1: 1 / 8, 2: 3 / 8, 3: 3 / 8, 4: 1 / 8}),
    "one week": ({"triangular_weeks": [3, 3, 3]}, {3: 1.0}),
    "never": ({"uniform_weeks": [1, 2], "never": 0.2}, {1: 0.4, 2: 0.4, None: 0.2}),
    "cut off": ({"exponential_weeks": {"mean": 2, "most": 1}}, {1: 1.0}),
}


@pytest.mark.parametrize("case", DISTRIBUTIONS)
def test_a_slip_has_the_probabilities_of_its_weeks(case: str) -> None:
    stated, expected = DISTRIBUTIONS[case]
    assert SlipSettings.model_validate(stated).probabilities() == pytest.approx(expected)


@given(
    slip=st.one_of(
        st.lists(st.integers(0, 60), min_size=2, max_size=2).map(lambda at: {"uniform_weeks": sorted(at)}),
        st.lists(st.integers(0, 60), min_size=3, max_size=3).map(lambda at: {"triangular_weeks": sorted(at)}),
        st.floats(0.1, 40).map(lambda mean: {"exponential_weeks": {"mean": mean}}),
    ),
    never=st.floats(0, 0.9),
)
def test_probabilities_sum_to_one_and_the_weeks_rise(slip: Content, never: float) -> None:
    found = SlipSettings.model_validate({**slip, "never": never}).probabilities()
    assert sum(found.values()) == pytest.approx(1)
    assert all(chance > 0 for chance in found.values())
    weeks = [week for week in found if week is not None]
    assert weeks == sorted(weeks)
