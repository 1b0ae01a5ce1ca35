"""CDK's validation engine is made while Python imports, and Node gets nothing else meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest

from ultrafleet.app import node_process
from ultrafleet.app.validation_engine import EngineAhead

IMPORTS = """
import os, sys
import aws_cdk
from jsii._kernel.providers import process

def refuse(*_):
    raise SystemExit("a request to Node")

process._NodeProcess.send = refuse
import ultrafleet.app.validation_engine
import ultrafleet.app.synthesis
print("aws_cdk.aws_ec2" in sys.modules)
sys.stdout.flush()
os._exit(0)
"""


def test_imports_beside_the_engine_send_node_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_the_engine_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(cdk, "CloudFormationValidatePlugin", lambda: made.append(object()) or made[-1])
    engine = EngineAhead()
    assert engine.plugin() is engine.plugin() is made[0]
    assert len(made) == 1


def test_an_engine_that_fails_ahead_fails_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []

    def fail() -> None:
        asked.append(None)
        raise RuntimeError("no engine")

    monkeypatch.setattr(cdk, "CloudFormationValidatePlugin", fail)
    engine = EngineAhead()
    engine.wait()
    with pytest.raises(RuntimeError, match="no engine"):
        engine.plugin()
    assert len(asked) == 2


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python with a Node beside it, and no variable of the shell's."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    for name in ("JSII_NODE", "NODE_OPTIONS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    node = tmp_path / "node"
    node.touch()
    return node


def test_the_pinned_node_has_a_small_garbage_collector(pinned: Path) -> None:
    node_process.settle_node()
    assert os.environ["JSII_NODE"] == str(pinned)
    assert os.environ["NODE_OPTIONS"] == "--max-semi-space-size=2 --v8-pool-size=1"


def test_options_of_the_shell_stay(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", str(pinned))
    monkeypatch.setenv("NODE_OPTIONS", "--v8-pool-size=4 --trace-warnings")
    node_process.settle_node()
    assert os.environ["NODE_OPTIONS"] == "--v8-pool-size=4 --trace-warnings --max-semi-space-size=2"


def test_another_node_is_started_as_it_is(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", f"{pinned}-18")
    node_process.settle_node()
    assert "NODE_OPTIONS" not in os.environ


def test_without_a_pinned_node_jsii_finds_one(pinned: Path) -> None:
    pinned.unlink()
    node_process.settle_node()
    assert not {"JSII_NODE", "NODE_OPTIONS"} & set(os.environ)
