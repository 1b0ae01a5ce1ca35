"""Makefile: which account a command goes to, and that a name is never a command."""

import os
import shutil
import subprocess

import pytest

from helpers.command import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not on the path")


def make(*words: str, **variables: str) -> str:
    """What `make` would run for these words, and what it says."""
    done = subprocess.run(
        ["make", "--dry-run", *words],  # noqa: S607
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("word", ["deploy", "destroy"])
def test_the_word_real_alone_goes_to_the_account(word: str) -> None:
    assert f"cdk {word}" in make(word, "ENV=dev", "AWS=real")
    for embedded in ([], ["AWS=embedded"]):
        told = make(word, "ENV=dev", *embedded)
        assert f"ultrafleet local {word}" in told
        assert f"cdk {word}" not in told


@pytest.mark.parametrize("value", ["Real", "REAL", "real ", "embedded real", "real embedded", "re", "realreal", ""])
@pytest.mark.parametrize("word", ["deploy", "destroy"])
def test_fails_for_another_word(word: str, value: str) -> None:
    told = make(word, "ENV=dev", f"AWS={value}")
    assert "AWS is neither embedded nor real" in told
    assert f"cdk {word}" not in told


def test_a_variable_of_the_shell_does_not_choose_the_account() -> None:
    assert "ultrafleet local deploy" in make("deploy", "ENV=dev", AWS="real")
    assert "say it in the command" in make("-e", "deploy", "ENV=dev", AWS="real")


@pytest.mark.parametrize("word", ["synth", "deploy", "destroy", "stop", "rehearse"])
def test_the_name_of_an_environment_is_no_part_of_a_command(word: str) -> None:
    told = make(word, "ENV=x;touch /pwned")
    assert "$FLEET_ENVIRONMENT" in told
    assert "pwned" not in told
