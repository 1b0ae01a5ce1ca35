"""Rollout of three cells over two accounts and two regions, by the CDK CLI and GNU make, on one embedded AWS."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from helpers.command import ROOT
from helpers.tiny_cells import STACKS, write_programme
from ultrafleet.programme.rollout_settings import RolloutSettings
from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws

PATH = os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]])
CELLS = {
    "dallas-t001": ("111111111111", "us-east-1"),
    "oregon-t002": ("222222222222", "us-west-2"),
    "virginia-t003": ("111111111111", "us-west-2"),
}
FIRST, MIDDLE, LAST = CELLS

pytestmark = [
    pytest.mark.cli,
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("cdk", path=PATH) is None, reason="the CDK CLI is not installed: make setup installs it"
    ),
]


class Programme:
    """Programme of three cells: its assembly, its definition, and the embedded AWS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        write_programme(folder, "three", CELLS, RolloutSettings(cells_per_wave=1, cells_at_once=2))

    def rollout(self, *more: str) -> tuple[int, str]:
        """Exit code and output of `ultrafleet local rollout`."""
        return self._run("local", "rollout", "three", "--programmes", ".", "--state", "state", *more)

    def gate(self, name: str) -> tuple[int, str]:
        """Exit code and output of the gate after a cell, asked from the account that deploys."""
        cell = EmbeddedAws(name, folder=self._folder / "state")
        variables = cell.variables(account="999999999999", region="us-east-1")
        return self._run("programme", "gate", name, variables=variables)

    def _run(self, *words: str, variables: Mapping[str, str] = os.environ) -> tuple[int, str]:
        program = str(Path(sys.executable).with_name("ultrafleet"))
        done = subprocess.run(
            [program, *words, "--assembly", "assembly"],
            cwd=self._folder,
            env={**variables, "PATH": PATH},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def stacks(self, name: str) -> dict[str, str]:
        """Status of a cell's stacks by what follows its name."""
        found: dict[str, str] = EmbeddedAws(name, folder=self._folder / "state").dispatch("stacks")
        return {key.removeprefix(f"{name}-"): value for key, value in found.items() if key.startswith(f"{name}-")}

    def client(self, service: str, name: str) -> Any:
        """Client of the embedded AWS in a cell's account and region."""
        account, region = CELLS[name]
        return boto3.client(
            service,
            endpoint_url=EmbeddedAws(name, folder=self._folder / "state").endpoint,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="rehearsal",  # noqa: S106  # nothing checks it
        )

    def stop(self) -> None:
        """Stop the embedded AWS."""
        EmbeddedAws(FIRST, folder=self._folder / "state").stop()


@pytest.fixture(scope="module")
def programme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programme]:
    made = Programme(tmp_path_factory.mktemp("programme"))
    yield made
    made.stop()


def test_a_failed_cell_stops_the_wave_an_alarm_too_and_the_next_attempt_finishes(programme: Programme) -> None:
    """One story, because each attempt needs the CDK CLI for every cell before it."""
    done = dict.fromkeys(STACKS, "CREATE_COMPLETE")

    code, output = programme.rollout("--fault", f"{MIDDLE}=stack-fails")
    assert code == 1, output
    assert f"{MIDDLE} failed: no further cell begins" in output
    assert programme.stacks(FIRST) == done
    assert programme.stacks(MIDDLE) == {"capacity": "CREATE_COMPLETE", "pool-r1": "ROLLBACK_COMPLETE"}
    assert programme.stacks(LAST) == {}
    # Each account has its own, in its own region.
    assert programme.client("eks", FIRST).list_nodegroups(clusterName=FIRST)["nodegroups"] != []
    clusters = {name: programme.client("eks", name).list_clusters()["clusters"] for name in CELLS}
    assert clusters == {name: [name] for name in CELLS}

    cloudwatch = programme.client("cloudwatch", FIRST)
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"{FIRST}-")["MetricAlarms"]
    given = {"AlarmName": alarms[0]["AlarmName"], "StateReason": "a datapoint was above the threshold"}
    cloudwatch.set_alarm_state(**given, StateValue="ALARM")
    code, output = programme.gate(FIRST)
    assert code == 1
    assert f"{FIRST}: alarm {alarms[0]['AlarmName']} fires (a datapoint was above the threshold)" in output
    cloudwatch.set_alarm_state(**given, StateValue="OK")

    code, output = programme.rollout()
    assert code == 0, output
    assert f"{FIRST}: 2 stacks, of which 2 had no changes" in output
    assert f"{MIDDLE}: 2 stacks, of which 1 had no changes" in output
    assert f"{LAST}: 2 stacks, of which 0 had no changes" in output
    assert {name: programme.stacks(name) for name in CELLS} == dict.fromkeys(CELLS, done)
