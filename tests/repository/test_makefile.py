"""Makefile: which account a command goes to, and that a name is never a command."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

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


def repository(folder: Path, npm: str) -> Path:
    """A repository of `ultrafleet init` in a folder with a space, with stand-ins for what installs its tools."""
    root = folder / "a fleet"
    root.mkdir()
    for name in ("Makefile", "fleet.mk"):
        shutil.copy(ROOT / "constructs" / "ultrafleet" / "starter" / "files" / name, root)
    for name in ("requirements.lock", "package-lock.json"):
        (root / name).write_text("")
    tools = root / "tools"
    tools.mkdir()
    scripts = {"python": "exit 0\n", "npm": npm}
    texts = {name: shlex.quote(f"#!/bin/sh\n{text}") for name, text in scripts.items()}
    made = "".join(f"printf '%s' {text} > .venv/bin/{name}\n" for name, text in texts.items())
    installer = f'case "$*" in *venv*) mkdir -p .venv/bin\n{made}chmod +x .venv/bin/*;; esac\n'
    (tools / "python").write_text(f"#!/bin/sh\n{installer}")
    (tools / "python").chmod(0o755)
    return root


def setup(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "setup", f"PYTHON={root / 'tools' / 'python'}"],  # noqa: S607
        cwd=root,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_may_have_spaces(tmp_path: Path) -> None:
    root = repository(tmp_path, npm="echo installed\n")
    done = setup(root)
    assert (done.returncode, done.stderr) == (0, "")
    assert (root / ".venv" / ".ready").exists()


def test_an_installer_that_fails_says_why(tmp_path: Path) -> None:
    root = repository(tmp_path, npm="echo npm error ENOTFOUND registry.npmjs.org\nexit 1\n")
    done = setup(root)
    assert done.returncode != 0
    assert "npm error ENOTFOUND registry.npmjs.org\nnpm ci failed: the CDK CLI isn't installed\n" in done.stderr
    assert not (root / ".venv" / ".ready").exists()
    assert setup(root).returncode != 0, "a set-up that failed is done again"
