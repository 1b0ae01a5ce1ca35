"""Embedded AWS of an environment: one command holds it at a time."""

from pathlib import Path

import pytest

from helpers.command import run
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws


def test_a_second_command_is_refused_and_told_who_holds_the_environment(tmp_path: Path) -> None:
    first, second = (EmbeddedAws("dev", folder=tmp_path) for _ in range(2))
    with first.alone("ultrafleet local deploy dev"):
        refused = pytest.raises(FleetError, match="environment dev is in use by `ultrafleet local deploy dev`, process")
        with refused, second.alone("ultrafleet local destroy dev"):
            pass
        with EmbeddedAws("training", folder=tmp_path).alone("ultrafleet local deploy training"):
            pass  # another environment
    with second.alone("ultrafleet local destroy dev"):
        pass


def test_it_is_free_again_after_a_command_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), EmbeddedAws("dev", folder=tmp_path).alone("deploy"):
        raise ValueError("broken")
    with EmbeddedAws("dev", folder=tmp_path).alone("deploy"):
        pass


@pytest.mark.parametrize("word", ["deploy", "destroy"])
def test_the_commands_hold_it_and_a_refused_one_starts_no_server(tmp_path: Path, word: str) -> None:
    with EmbeddedAws("dev", folder=tmp_path).alone("ultrafleet local deploy dev"):
        done = run("local", word, "dev", "--state", str(tmp_path))
    assert done.returncode != 0
    assert "in use by `ultrafleet local deploy dev`" in done.stderr + done.stdout
    assert not (tmp_path / "dev.json").exists()
