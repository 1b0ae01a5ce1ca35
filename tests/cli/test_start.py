"""Start of the command: version, bare call, interruption."""

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.command import run
from ultrafleet import command_entry
from ultrafleet.cli._cdk import CdkOutput, run_cdk

COMMAND = str(Path(sys.executable).with_name("ultrafleet"))


def test_the_version_is_the_package_s() -> None:
    assert run("--version").stdout == f"ultrafleet {version('ultrafleet')}\n"


def test_a_bare_call_shows_the_help() -> None:
    result = run()
    assert result.returncode == 0
    assert "Plan, review, rehearse and operate" in result.stdout


@pytest.mark.parametrize("seconds", [0.05, 0.4, 1.2])
def test_an_interruption_is_no_traceback(seconds: float) -> None:
    # `python -c` sets no handler of its own before the command's entry runs.
    program = "from ultrafleet.command_entry import main; import sys; sys.argv = ['ultrafleet', 'facts']; main()"
    started = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    time.sleep(seconds)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=60)
    if started.returncode == -signal.SIGINT:
        pytest.skip("Python itself was still starting")
    assert started.returncode in {0, 130}
    assert "ultrafleet/" not in errors


def test_an_interruption_that_python_reports_as_another_error_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cause: BaseException | None = KeyboardInterrupt()

    def fail() -> None:
        raise RuntimeError("Error calling __set_name__") from cause

    monkeypatch.setitem(sys.modules, "ultrafleet.cli", SimpleNamespace(main=fail))
    monkeypatch.setattr(sys, "argv", ["ultrafleet"])
    with pytest.raises(SystemExit, match="130"):
        command_entry.main()
    assert capsys.readouterr().err == "interrupted\n"
    cause = None
    with pytest.raises(RuntimeError):
        command_entry.main()


@pytest.fixture
def cdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of the CDK CLI, which prints a deployment."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    program = tmp_path / "cdk"
    program.write_text(
        "#!/bin/sh\n"
        "echo 'dev-network | 1/3 | CREATE_IN_PROGRESS | AWS::EC2::VPC'\n"
        "echo ' ✅  dev/network (dev-network)'\n"
        'test "$1" != fail || { echo "dev-pool | CREATE_FAILED | no capacity"; exit 1; }\n'
        'test "$1" != interrupt || kill -INT $$\n'
    )
    program.chmod(0o755)
    return tmp_path


def test_a_deployment_is_a_line_for_each_stack(cdk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = cdk / "log"
    assert not run_cdk(["deploy"], os.environ, output=CdkOutput.STACKS, log=log)
    assert capsys.readouterr().out.splitlines() == [" ✅  dev/network (dev-network)"]
    assert "CREATE_IN_PROGRESS" in log.read_text(encoding="utf-8")


def test_a_quiet_deployment_shows_its_output_on_a_failure(cdk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cdk.exists()
    assert not run_cdk(["deploy"], os.environ, output=CdkOutput.FAILURE)
    assert capsys.readouterr() == ("", "")
    assert run_cdk(["fail"], os.environ, output=CdkOutput.FAILURE)
    assert "no capacity" in capsys.readouterr().err


def test_nothing_follows_an_interrupted_deployment(cdk: Path) -> None:
    assert cdk.exists()
    with pytest.raises(KeyboardInterrupt):
        run_cdk(["interrupt"], os.environ, output=CdkOutput.STACKS)
