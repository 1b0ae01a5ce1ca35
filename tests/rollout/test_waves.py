"""Waves of a rollout, and its definition run by GNU make with programs that stand in for AWS."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.errors import FleetError
from ultrafleet.programme.rollout_settings import RolloutSettings
from ultrafleet.rollout import definition, waves

MAKE = shutil.which("make")


def cell(name: str, workload: str = "training", site: str = "dallas", racks: int = 1) -> Any:
    return SimpleNamespace(
        name=name,
        site=SimpleNamespace(name=site),
        ultraserver_type="u-p6e-gb200x72",
        workload=workload,
        racks=tuple(range(racks)),
    )


CELLS = st.lists(
    st.builds(
        cell,
        name=st.from_regex(r"c[0-9]{3}", fullmatch=True),
        workload=st.sampled_from(["training", "inference"]),
        site=st.sampled_from(["dallas", "ohio"]),
        racks=st.integers(0, 3),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda item: item.name,
)
SETTINGS = st.builds(RolloutSettings, cells_per_wave=st.integers(1, 6), serving_share=st.floats(0.01, 1))


@given(cells=CELLS, settings=SETTINGS, order=st.randoms())
def test_each_cell_is_in_one_wave_and_few_that_back_each_other_up_are_together(
    cells: list[Any], settings: RolloutSettings, order: Any
) -> None:
    made = waves(cells, settings)
    assert Counter(name for wave in made for name in wave.cells) == Counter(item.name for item in cells)
    assert [wave.number for wave in made] == list(range(1, len(made) + 1))
    assert len(made[0].cells) == 1
    by_name = {item.name: item for item in cells}
    groups = Counter((item.site.name, item.workload) for item in cells)
    for wave in made[1:]:
        assert 1 <= len(wave.cells) <= settings.cells_per_wave
        for (site, workload), count in Counter(
            (by_name[name].site.name, by_name[name].workload) for name in wave.cells
        ).items():
            if workload == "inference":
                assert count <= max(1, settings.serving_share * groups[site, workload])
    order.shuffle(cells)
    assert waves(cells, settings) == made


def test_the_canary_trains_and_is_small_unless_it_is_named() -> None:
    cells = [cell("a", racks=3), cell("b", racks=2), cell("c", "inference", racks=0)]
    assert waves(cells, RolloutSettings())[0].cells == ("b",)
    assert waves(cells, RolloutSettings(canary=["c", "a"]))[0].cells == ("a", "c")
    assert waves([cells[2]], RolloutSettings())[0].cells == ("c",)


def test_fails_for_a_canary_that_is_no_cell() -> None:
    with pytest.raises(FleetError, match="canary of the rollout names 'z', expected a cell of the programme"):
        waves([cell("a")], RolloutSettings(canary=["z"]))


def test_a_cell_more_adds_a_line_of_its_own() -> None:
    settings = RolloutSettings(cells_per_wave=3)
    before = definition("p", waves([cell(f"c{number}") for number in range(9)], settings), settings).splitlines()
    after = definition("p", waves([cell(f"c{number}") for number in range(10)], settings), settings).splitlines()
    added = [line for line in after if line not in before]
    assert added[-1] == "  c9"
    assert "  c8 \\" in added
    assert len([line for line in before if line not in after]) == 3  # the counts above, and the end of the list


class Rollout:
    """Definition of a rollout, and programs that write down how they are called instead of calling AWS."""

    def __init__(self, folder: Path, made: Sequence[Any], settings: RolloutSettings) -> None:
        self.folder = folder
        (folder / "rollout.mk").write_text(definition("p", waves(made, settings), settings))
        (folder / "fails").mkdir()
        for name in ("ultrafleet", "cdk"):
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(
                f'#!/bin/bash\necho "{name} $*" >> "{folder}/calls"\n'
                f'for word in "$@"; do [ ! -e "{folder}/fails/${{word##*/}}" ] || exit 1; done\n'
                'echo "✅  a stack"\n'
            )
            program.chmod(0o755)

    def run(self) -> tuple[int, str]:
        """Exit code and output of `make rollout`."""
        assert MAKE is not None
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        done = subprocess.run(
            [MAKE, "-f", "rollout.mk", "rollout"],
            cwd=self.folder,
            env={**kept, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def calls(self) -> list[str]:
        """Calls since the last time, with what they are about in place of their arguments."""
        calls = self.folder / "calls"
        lines = calls.read_text().splitlines()
        calls.unlink()
        found = []
        for line in lines:
            program, *words = line.split(" ")
            if program == "cdk":
                found.append(f"cdk {words[words.index('--app') + 1].rpartition('assembly-')[2]}")
            elif words[0] == "preflight":
                found.append(f"preflight {words[1]}")
            else:
                found.append(f"gate {' '.join(words[2 : words.index('--assembly')])}")
        return found


@pytest.fixture
def rollout(tmp_path: Path) -> Rollout:
    settings = RolloutSettings(cells_per_wave=2, cells_at_once=1, ignored_alarms=["*odd*"])
    return Rollout(tmp_path, [cell(name) for name in ("a", "b", "c", "d")], settings)


def test_waves_follow_one_another_with_a_gate_between_them(rollout: Rollout) -> None:
    code, output = rollout.run()
    assert code == 0, output
    assert rollout.calls() == [
        "preflight a", "cdk a", "gate a",
        "preflight b", "cdk b", "preflight c", "cdk c", "gate b c",
        "preflight d", "cdk d", "gate d",
    ]  # fmt: skip
    assert "wave-3 of 3 is through: d" in output


@pytest.mark.parametrize(
    ("fails", "last"), [("assembly-b", "cdk b"), ("b", "preflight b"), ("assembly-a", "cdk a"), ("a", "preflight a")]
)
def test_fails_where_a_cell_does_and_begins_no_further_one(rollout: Rollout, fails: str, last: str) -> None:
    (rollout.folder / "fails" / fails).touch()
    code, output = rollout.run()
    assert code != 0
    assert f"{fails.removeprefix('assembly-')} failed: no further cell begins" in output
    assert rollout.calls()[-1] == last
    (rollout.folder / "fails" / fails).unlink()
    assert rollout.run()[0] == 0
    assert rollout.calls()[-1] == "gate d"


def test_fails_where_an_alarm_fires_and_begins_no_further_wave(rollout: Rollout) -> None:
    program = rollout.folder / "bin" / "ultrafleet"
    program.write_text(program.read_text() + '[ "$1 $2" != "programme gate" ]\n')
    assert rollout.run()[0] != 0
    assert rollout.calls() == ["preflight a", "cdk a", "gate a"]


def test_the_gate_is_told_how_long_and_what_to_ignore(rollout: Rollout) -> None:
    rollout.run()
    (first, *_) = [line for line in (rollout.folder / "calls").read_text().splitlines() if " gate " in line]
    assert first.endswith("--minutes 60 --ignore *odd*")
