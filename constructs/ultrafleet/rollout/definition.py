"""Definition of a rollout for GNU make: which cell comes after which, and the commands of a cell and of a gate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ultrafleet.programme.rollout_settings import RolloutSettings
from ultrafleet.rollout.waves import Wave

_RULES: Final = Path(__file__).with_name("data") / "rules.mk"


def definition(programme: str, made: Sequence[Wave], settings: RolloutSettings) -> str:
    """Makefile of a rollout; the same waves give the same text.

    Args:
        programme: name of the programme.
        made: waves, in their order.
        settings: of the rollout.
    """
    cells = sum(len(wave.cells) for wave in made)
    ignored = " ".join(f"--ignore '{pattern}'" for pattern in settings.ignored_alarms)
    lines = [
        f"# Rollout of programme {programme}: {cells} cells in {len(made)} waves. Written by",
        f"# `ultrafleet programme rollout {programme} --write`, run by `make rollout PROGRAMME={programme}`.",
        "# GNU make is the engine. Where a cell fails or an alarm fires, those in progress end, nothing further begins",
        "# and what is deployed stays. The same command goes on from there.",
        ".SUFFIXES:",
        "SHELL := /bin/bash",
        ".SHELLFLAGS := -eu -o pipefail -c",
        f"ASSEMBLY := cdk.out/programmes/{programme}",
        f"LOGS := .cache/rollout/{programme}",
        f"CELLS_AT_ONCE := {settings.cells_at_once}",
        f"STACKS_AT_ONCE := {settings.stacks_at_once}",
        f"BAKE_MINUTES := {settings.bake_minutes}",
        f"IGNORED := {ignored}".rstrip(),
        "PREFLIGHT := --lookup-role",
        "CDK :=",
        f"WAVE := wave-{len(made)}",
        "",
        "WAVES := " + " ".join(f"wave-{wave.number}" for wave in made),
        ".PHONY: rollout $(WAVES)",
        "rollout:",
        "\t@$(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST)) --jobs=$(CELLS_AT_ONCE) $(WAVE)",
    ]
    for wave in made:
        after = "" if wave.number == 1 else f"wave-{wave.number - 1}"
        serving = f", of which {wave.serving} serve" if wave.serving else ""
        what = "the canary" if wave.number == 1 else f"after wave {wave.number - 1}"
        count = f"{len(wave.cells)} cell{'' if len(wave.cells) == 1 else 's'}"
        name = f"CELLS_{wave.number}"
        lines += ["", f"# Wave {wave.number}, {what}: {count}{serving}"]
        lines += [f"{name} := \\", *_listed(wave.cells)]
        lines += [f"wave-{wave.number}: $({name})"]
        lines += [f"$({name}): | {after}"] if after else []
    lines += ["", "CELLS := " + " ".join(f"$(CELLS_{wave.number})" for wave in made), ".PHONY: $(CELLS)"]
    return "\n".join(lines) + "\n\n" + _RULES.read_text(encoding="utf-8")


def _listed(cells: Sequence[str]) -> list[str]:
    """A line for each cell, so that a cell more is a line more of a diff."""
    return [f"  {cell} \\" for cell in cells[:-1]] + [f"  {cells[-1]}"]
