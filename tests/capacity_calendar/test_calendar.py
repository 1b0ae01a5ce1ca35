"""Calendar: chance against every future, lanes, pictures for both pages, and the command."""

import itertools
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import resvg_py
import yaml
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion
from typer.testing import CliRunner

from helpers.rehearsal_site import ENVIRONMENTS
from ultrafleet.capacity_calendar import Bar, Calendar, Kind, Lane, environment_calendar, programme_calendar
from ultrafleet.capacity_calendar.axis import Axis
from ultrafleet.capacity_calendar.chance import outlook
from ultrafleet.capacity_calendar.grouping import MOST_LANES, Group, drawn
from ultrafleet.capacity_calendar.palette import PALETTES, Palette
from ultrafleet.capacity_calendar.picture import calendar_picture
from ultrafleet.capacity_calendar.text import calendar_text
from ultrafleet.cli import app
from ultrafleet.environment import load_environment
from ultrafleet.errors import FleetError
from ultrafleet.programme import load_programme

DAY = datetime(2027, 1, 1, 11, 30, tzinfo=UTC)
WEEK = timedelta(weeks=1)
PROGRAMME: Mapping[str, Any] = yaml.safe_load("""
start: 2026-12-01
end: 2027-12-01
sites: [{name: dallas, region: us-east-1}]
assumptions: [the racks are alike]
targets:
  - name: training
    workload: training
    type: u-p6e-gb200x72
    service_level: 0.9
    end: 2027-11-30
    assumption: made up for a test
    steps: [{start: 2027-01-05, ultraservers: 2}, {start: 2027-07-06, ultraservers: 3}]
tranches:
  - {name: first, site: dallas, workload: training, type: u-p6e-gb200x72, ultraservers: 2, delivery: 2026-12-15,
     slip: {weeks: {0: 0.5, 4: 0.4, 8: 0.1}}, assumption: made up}
  - {name: second, site: dallas, workload: training, type: u-p6e-gb200x72, ultraservers: 1, delivery: 2027-06-01,
     slip: {weeks: {0: 0.75}, never: 0.25}, source: a contract}
later_blocks:
  - {type: u-p6e-gb200x72, ultraservers: 14, usd_per_hour: 700, assumption: made up}
""")  # fmt: skip


@pytest.fixture
def programme(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        path = tmp_path / "delivery.yaml"
        path.write_text(yaml.safe_dump({**PROGRAMME, **changes}))
        return path

    return write


def delivery(name: str, count: int, chance: float, luck: str = "") -> Bar:
    return Bar(
        kind=Kind.TRANCHE,
        label=name,
        count=count,
        start=DAY - WEEK,
        end=None,
        arrivals=((DAY - WEEK, chance),),
        shared_luck=luck or name,
    )


class TestChance:
    @given(
        st.lists(
            st.tuples(st.integers(1, 5), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from("abc")), max_size=6
        ),
        st.integers(0, 12),
    )
    def test_is_that_of_every_future(self, given: list[tuple[int, float, str]], wanted: int) -> None:
        """Futures: a luck of each group in quarters, and a delivery is there where its luck is at most its chance."""
        bars = [delivery(str(index), count, chance, luck) for index, (count, chance, luck) in enumerate(given)]
        groups = sorted({luck for _, _, luck in given})
        futures = []
        for lucks in itertools.product((0.125, 0.375, 0.625, 0.875), repeat=len(groups)):
            of_group = dict(zip(groups, lucks, strict=True))
            futures.append(sum(count for count, chance, luck in given if of_group[luck] < chance))
        found = outlook(bars, DAY, wanted)
        assert found.chance == pytest.approx(sum(count >= wanted for count in futures) / len(futures) if wanted else 1)
        assert found.mean == pytest.approx(sum(futures) / len(futures))
        assert found.least <= found.mean + 1e-9
        assert found.most >= found.mean - 1e-9
        assert found.contracted == sum(count for count, _, _ in given)

    def test_what_is_over_or_may_be_bought_does_not_count(self, programme: Callable[..., Path]) -> None:
        over = Bar(kind=Kind.BLOCK, label="cr-1", count=5, start=DAY - WEEK, end=DAY)
        assert outlook([over], DAY, 1).chance == 0
        (target,) = programme_calendar(load_programme(programme())).targets
        assert max(item.most for item in target.outlook) == 3

    def test_a_step_has_the_least_chance_of_its_days(self, programme: Callable[..., Path]) -> None:
        (target,) = programme_calendar(load_programme(programme())).targets
        assert [step.chance for step in target.steps] == [pytest.approx(0.5), pytest.approx(0.75)]
        assert [step.wanted for step in target.steps] == [2, 3]


class TestEnvironments:
    def test_a_lane_for_each_pool_with_its_blocks(self) -> None:
        environment = load_environment(ENVIRONMENTS / "training.yaml")
        shown = environment_calendar(environment.model_copy(update={"targets": []}))
        assert [(lane.name, [bar.label for bar in lane.bars]) for lane in shown.lanes] == [
            ("rack-a", ["cr-0aaaaaaaaaaaaaaa1", "cr-0aaaaaaaaaaaaaaa2"]),
            ("rack-b", ["cr-0bbbbbbbbbbbbbbb1"]),
            ("b300", ["b300"]),
        ]
        assert (shown.start.date().isoformat(), shown.end.date().isoformat()) == ("2026-11-28", "2027-01-29")

    def test_targets_are_in_the_time(self) -> None:
        environment = load_environment(ENVIRONMENTS / "training.yaml")
        shown = environment_calendar(environment)
        assert len(shown.targets) == len(environment.targets) == 1
        assert shown.targets[0].outlook[-1].moment < shown.end

    def test_without_a_date_it_fails(self) -> None:
        with pytest.raises(FleetError, match="calendar has no block and no target, expected dates: pass --from"):
            environment_calendar(load_environment(ENVIRONMENTS / "dev.yaml"))

    def test_an_end_before_the_start_fails(self) -> None:
        with pytest.raises(FleetError, match="--to is 2026-01-01, expected a day after 2026-11-28"):
            environment_calendar(load_environment(ENVIRONMENTS / "training.yaml"), end=datetime(2026, 1, 1, tzinfo=UTC))


class TestPictures:
    def shown(self, path: Path) -> Calendar:
        return programme_calendar(load_programme(path))

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_a_picture(self, theme: Any, programme: Callable[..., Path], snapshot: SnapshotAssertion) -> None:
        drawing = calendar_picture(self.shown(programme()), theme)
        assert drawing == calendar_picture(self.shown(programme()), theme)
        assert drawing == snapshot
        assert len(drawing) < 20_000

    def test_two_thousand_racks_over_seven_years_stay_small(self) -> None:
        start = datetime(2026, 12, 1, 11, 30, tzinfo=UTC)
        lanes = tuple(
            Lane(
                name=f"rack-{index:04}",
                sold="u-p6e-gb200x72",
                workload="training",
                bars=tuple(
                    Bar(
                        kind=Kind.BLOCK,
                        label=f"cr-{index}-{number}",
                        count=1,
                        start=start + timedelta(days=182 * number),
                        end=start + timedelta(days=182 * (number + 1)),
                    )
                    for number in range(14)
                ),
            )
            for index in range(2000)
        )
        end = start + timedelta(days=182 * 14)
        shown = Calendar(title="all", start=start, end=end, lanes=lanes, targets=())
        (group,) = drawn(lanes, start, end)
        assert isinstance(group, Group)
        assert group.levels == ((start, 2000), (end, 0))
        assert group.name == "2,000 pools with blocks, training"
        assert len(calendar_picture(shown, "light")) < 20_000
        assert calendar_text(shown).count("\n") < 10

    def test_lanes_are_drawn_one_by_one_up_to_a_page(self) -> None:
        bar = Bar(kind=Kind.BLOCK, label="cr", count=1, start=DAY, end=DAY + WEEK)
        lanes = [Lane(name=str(index), sold="x", workload="", bars=(bar,)) for index in range(MOST_LANES)]
        assert drawn(lanes, DAY, DAY + WEEK) == lanes
        (group,) = drawn([*lanes, lanes[0]], DAY, DAY + WEEK)
        assert isinstance(group, Group)
        other = Lane(name="other", sold="y", workload="", bars=(bar,))
        assert drawn([*lanes, other], DAY, DAY + WEEK)[1] == other  # one of its kind stays as it is
        assert drawn(lanes, DAY + WEEK, DAY + 2 * WEEK) == []

    @pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
    def test_text_and_shapes_stand_out_from_the_page(self, palette: Palette) -> None:
        for colour in (palette.text, palette.faint):
            assert contrast(colour, palette.page) >= 4.5
        for colour in (*palette.kinds.values(), palette.target, palette.met, palette.missed, palette.supply):
            assert contrast(colour, palette.page) >= 3
        for colour in palette.kinds.values():
            assert contrast(palette.on_bar, colour) >= 4.5

    @pytest.mark.parametrize(("days", "first"), [(56, "4 Jan"), (400, "Feb"), (2500, "")])
    def test_an_axis_has_weeks_months_or_quarters(self, days: int, first: str) -> None:
        ticks = list(Axis(DAY, DAY + timedelta(days=days), 0, 900).ticks())
        assert 5 <= len(ticks) <= 30
        assert ticks[0][1] == first
        assert all(moment >= DAY - timedelta(days=1) for moment, _ in ticks)


class TestCommand:
    def test_text(self, programme: Callable[..., Path]) -> None:
        found = CliRunner().invoke(app, ["capacity", "calendar", str(programme())])
        assert found.exit_code == 0, found.output
        for told in (
            "delivery first: 2 from 2026-12-15 11:30 to 2027-12-01 11:30, half likely by 2026-12-15, 100%",
            "2027-02-09 (assumption)",
            "from 2027-01-05: 2 UltraServers (144 accelerators), chance 50.0% of 90.0% wanted  below its level",
            "target training, training, u-p6e-gb200x72 (assumption)",
            "75% by 2027-06-01",
            "assumption: the racks are alike",
        ):
            assert told in found.output

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_pictures(self, theme: str, tmp_path: Path) -> None:
        svg, png = tmp_path / "calendar.svg", tmp_path / "calendar.png"
        for path in (svg, png):
            found = CliRunner().invoke(app, ["capacity", "calendar", "training", "--out", str(path), "--theme", theme])
            assert found.exit_code == 0, found.output
        assert svg.read_text().startswith("<?xml")
        assert png.read_bytes().startswith(b"\x89PNG")
        without = svg.read_text().replace("<text", "<desc").replace("</text", "</desc")
        assert bytes(resvg_py.svg_to_bytes(svg_string=without)) != png.read_bytes()  # the letters are drawn

    def test_days_of_the_user(self) -> None:
        found = CliRunner().invoke(
            app, ["capacity", "calendar", "training", "--from", "2026-12-10", "--to", "2026-12-20"]
        )
        assert "2026-12-10 to 2026-12-20" in found.output

    def test_another_form_fails(self) -> None:
        with pytest.raises(FleetError, match=r"--out is x.jpg, expected FILE.svg or FILE.png"):
            CliRunner().invoke(app, ["capacity", "calendar", "training", "--out", "x.jpg"], catch_exceptions=False)

    def test_a_file_that_cannot_be_written_fails(self, tmp_path: Path) -> None:
        with pytest.raises(FleetError, match="can't be written"):
            CliRunner().invoke(
                app,
                ["capacity", "calendar", "training", "--out", str(tmp_path / "no" / "x.svg")],
                catch_exceptions=False,
            )

    def test_png_without_its_extra_fails(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setitem(sys.modules, "resvg_py", None)  # type: ignore[arg-type]  # as if it were missing
        with pytest.raises(FleetError, match=r"resvg-py is not installed, .*pip install 'ultrafleet\[picture\]'"):
            CliRunner().invoke(
                app, ["capacity", "calendar", "training", "--out", str(tmp_path / "x.png")], catch_exceptions=False
            )

    def test_png_without_fonts_fails(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        bare = ModuleType("resvg_py")
        bare.svg_to_bytes = partial(resvg_py.svg_to_bytes, skip_system_fonts=True)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "resvg_py", bare)
        with pytest.raises(FleetError, match="fonts is none that letters can be drawn with"):
            CliRunner().invoke(
                app, ["capacity", "calendar", "training", "--out", str(tmp_path / "x.png")], catch_exceptions=False
            )


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
