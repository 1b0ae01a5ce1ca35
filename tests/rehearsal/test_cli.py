"""`ultrafleet local`: each shipped environment deployed, again, and destroyed by the CDK CLI on an embedded AWS."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ultrafleet.environment import load_environment
from ultrafleet.rehearsal.scenarios.rested_on import rested_on

ROOT = Path(__file__).parent.parent.parent
COMMAND = str(Path(sys.executable).with_name("ultrafleet"))
PATH = os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]])
# As it is shipped: with moto's images, which other tests do without.
VARIABLES = {**os.environ, "PATH": PATH, "MOTO_EC2_LOAD_DEFAULT_AMIS": "true"}

pytestmark = [
    pytest.mark.cli,
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("cdk", path=PATH) is None, reason="the CDK CLI is not installed: make setup installs it"
    ),
]


class Local:
    """The command, with a folder of its own."""

    def __init__(self, environment: str, folder: Path) -> None:
        self.environment = environment
        self._state = ["--state", str(folder / "state")]
        self.output = folder / "cdk.out"

    def arguments(self, word: str, *more: str) -> list[str]:
        output = ["--output", str(self.output)] if word in {"deploy", "destroy"} else []
        return [COMMAND, "local", word, self.environment, *more, *self._state, *output]

    def __call__(self, word: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.arguments(word, *more), cwd=ROOT, env=VARIABLES, capture_output=True, text=True, check=False
        )

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self("status", "--json").stdout)
        return told

    def client(self, service: str) -> Any:
        port = json.loads((Path(self._state[1]) / f"{self.environment}.json").read_text())["port"]
        region = {"dev": "us-east-2"}.get(self.environment, "us-east-1")
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name=region,
            aws_access_key_id="any",
            aws_secret_access_key="any",  # noqa: S106  # nothing checks it
        )


@pytest.fixture
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Local]:
    made = Local(getattr(request, "param", "dev"), tmp_path)
    yield made
    made("stop")


@pytest.mark.parametrize(
    ("local", "pools"),
    [
        ("dev", {"h100": 1}),
        ("training", {"rack-a": 18, "rack-b": 18, "b300": 2}),
        ("inference", {"rack-c": 9, "h200": 4}),
    ],
    indirect=["local"],
)
def test_an_environment_from_bootstrap_to_destruction(local: Local, pools: dict[str, int]) -> None:
    deployed = local("deploy")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert deployed.stdout.startswith("embedded AWS on http://127.0.0.1:")
    assert "no call leaves this machine" in deployed.stdout.splitlines()[0]

    status = local.status()
    assert set(status["stacks"].values()) == {"CREATE_COMPLETE"}
    assert {pool["name"]: pool["running"] for pool in status["pools"]} == pools
    told = json.loads(local("kubernetes", "--json").stdout)
    counted = re.search(
        r"read back: (\d+) of (\d+) resources; in the cluster are (\d+) objects and (\d+) ", deployed.stdout
    )
    assert counted is not None
    all_found, all_there, objects, releases = map(int, counted.groups())
    assert all_found == all_there > objects + releases
    assert (len(told["objects"]), len(told["releases"])) == (objects, releases)
    assert releases >= 3
    last = deployed.stdout.partition("rested on, not verified on AWS:\n")[2].splitlines()
    assert all(line.startswith("- ") for line in last)
    assert len(last) == len(rested_on(load_environment(ROOT / "stacks" / "environments" / f"{local.environment}.yaml")))
    listed = local("kubernetes").stdout
    assert all(item["metadata"]["name"] in listed for item in told["objects"])
    stacks = local.client("cloudformation").describe_stacks()["Stacks"]
    assert {stack["StackStatus"] for stack in stacks} == {"CREATE_COMPLETE"}
    assert local.client("eks").list_clusters()["clusters"] == [local.environment]
    pages = local.client("ec2").get_paginator("describe_instances").paginate()
    instances = [item for page in pages for reservation in page["Reservations"] for item in reservation["Instances"]]
    assert len(instances) == sum(pools.values()) + 2  # system nodes

    again = local("deploy")
    assert again.returncode == 0, again.stdout + again.stderr
    output = again.stdout + again.stderr
    assert output.count("(no changes)") == len(stacks) - 1  # the bootstrap stack isn't deployed again

    destroyed = local("destroy", "--purge")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    made = load_environment(ROOT / "stacks" / "environments" / f"{local.environment}.yaml")
    for pool in made.pools:
        for block in pool.blocks:
            assert f"on AWS paid already: {block.capacity_reservation_id} " in destroyed.stdout
    assert set(local.status()["stacks"]) == {"CDKToolkit"}
    assert [vpc for vpc in local.client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert local.client("logs").describe_log_groups()["logGroups"] == []


def test_a_fault_ends_in_what_to_do_and_the_next_deployment_mends_it(local: Local) -> None:
    failed = local("deploy", "--fault", "insufficient-capacity")
    assert failed.returncode == 1
    assert "InsufficientInstanceCapacity" in failed.stdout + failed.stderr
    assert "what to do (insufficient-capacity): Give the pool a capacity reservation" in failed.stdout
    assert local.status()["stacks"]["dev-system"] == "ROLLBACK_COMPLETE"
    assert local("clear").returncode == 0
    mended = local("deploy")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert local.status()["stacks"]["dev-system"] == "CREATE_COMPLETE"

    assert local("inject", "rollback-fails").returncode == 0
    cloudformation = local.client("cloudformation")
    template = cloudformation.get_template(StackName="dev-pool-h100")["TemplateBody"]
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::EKS::Nodegroup":
            resource["Properties"]["Labels"]["team"] = "red"
    given = {"TemplateBody": json.dumps(template), "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    cloudformation.update_stack(StackName="dev-pool-h100", **given)
    assert local.status()["stacks"]["dev-pool-h100"] == "UPDATE_ROLLBACK_FAILED"
    assert local("deploy").returncode == 1
    assert local("clear").returncode == 0
    healed = local("deploy")
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert "CloudFormation updates it after `cdk rollback dev/pool-h100`" in healed.stdout
    assert local.status()["stacks"]["dev-pool-h100"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_deployment_that_is_killed_is_run_again(local: Local) -> None:
    with subprocess.Popen(
        local.arguments("deploy", "--fault", "slow"),
        cwd=ROOT,
        env=VARIABLES,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as deployment:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            told = local("status", "--json")
            if told.returncode == 0 and "dev-cluster" in json.loads(told.stdout)["stacks"]:
                break
            time.sleep(0.2)
        os.killpg(deployment.pid, signal.SIGKILL)
    # Where nobody reaps it, the dead CLI still counts as a reader of its folder.
    local.output = local.output.with_name("again")
    assert local("clear").returncode == 0
    assert set(local.status()["stacks"]) <= {"CDKToolkit", "dev-network", "dev-cluster", "dev-system"}
    again = local("deploy")
    assert again.returncode == 0, again.stdout + again.stderr
    assert set(local.status()["stacks"].values()) == {"CREATE_COMPLETE"}


def test_fails_without_an_embedded_aws(local: Local) -> None:
    told = local("status")
    assert told.returncode == 2
    assert "no embedded AWS runs for dev, expected one: `make deploy ENV=dev` starts it" in told.stderr


def test_lists_the_faults() -> None:
    told = subprocess.run([COMMAND, "local", "faults"], capture_output=True, text=True, check=True)
    assert "block-payment-pending: the block was bought and is not paid yet" in told.stdout
