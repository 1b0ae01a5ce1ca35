"""An environment, shipped or not, perhaps edited, on the embedded AWS of this process."""

import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk
import yaml

from helpers import aws_state
from helpers.once import once
from ultrafleet.cli.live_account import AccountReader
from ultrafleet.environment import Environment, load_environment
from ultrafleet.environment.digest import write_digest
from ultrafleet.preflight import Deployment, Finding, preflight_findings
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.scenarios.assembly import deploy_assembly
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.scenarios.pool_view import (
    NodeGroupView,
    PoolView,
    node_group_instances,
    node_group_names,
    node_group_view,
    pool_view,
)
from ultrafleet.rehearsal.scenarios.simulation import Simulation
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.stacks.fleet_stage import FleetStage
from ultrafleet.templates.assembly import AssemblyStack, read_assembly

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENTS = ROOT / "stacks" / "environments"
FIXTURES = ROOT / "tests" / "data" / "environments"
"""Environments that are not shipped."""
EXAMPLES = ROOT / "docs" / "examples" / "environments"
"""Environments of the documents."""

Content = dict[str, Any]
Edit = Callable[[Content], object]


_DEPLOYMENTS: dict[str, bytes] = {}


def _deployment(key: str, deploy: Callable[[], bytes]) -> bytes:
    if key not in _DEPLOYMENTS:
        _DEPLOYMENTS[key] = once(key, deploy)
    return _DEPLOYMENTS[key]


@cache
def synthesised(content: str, name: str) -> tuple[Environment, tuple[AssemblyStack, ...]]:
    """An environment and its stacks, from the text of its file."""
    made = once(f"synth {name} {content}", lambda: pickle.dumps(_synthesise(content, name)))
    found: tuple[Environment, tuple[AssemblyStack, ...]] = pickle.loads(made)  # noqa: S301  # our own
    return found


def _synthesise(content: str, name: str) -> tuple[Environment, tuple[AssemblyStack, ...]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(content)
        environment = load_environment(path)
        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        app = cdk.App(
            context=context,
            outdir=f"{folder}/cdk.out",
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,
        )
        FleetStage(app, environment=environment)
        app.synth()
        return environment, tuple(read_assembly(Path(folder) / "cdk.out" / f"assembly-{name}"))


def text_of(name: str) -> str:
    """Text of an environment's file: shipped, of the tests, or an example of the documents."""
    folder = next(folder for folder in (ENVIRONMENTS, FIXTURES, EXAMPLES) if (folder / f"{name}.yaml").exists())
    return (folder / f"{name}.yaml").read_text()


class DeployedEnvironment:
    """An environment's account."""

    def __init__(self, name: str, edit: Edit | None = None) -> None:
        self.name = name
        self.text = text_of(name)
        self.edit(edit)
        self.simulation = Simulation(self.environment, read_again=lambda: self.environment)

    def edit(self, edit: Edit | None) -> None:
        """Edit the file."""
        if edit is not None:
            content = yaml.safe_load(self.text)
            edit(content)
            self.text = yaml.safe_dump(content)
        self.environment, self.stacks = synthesised(self.text, self.name)

    def write_assembly(self, folder: Path) -> None:
        """Write what `cdk synth` would have written of the environment, as far as the command reads it."""
        written = folder / f"assembly-{self.name}"
        written.mkdir(parents=True, exist_ok=True)
        artifacts = {}
        for stack in self.stacks:
            (written / f"{stack.name}.json").write_text(stack.template)
            properties = {"stackName": stack.name, "templateFile": f"{stack.name}.json"}
            artifacts[stack.name] = {"type": "aws:cloudformation:stack", "properties": properties}
        (written / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
        write_digest(written, self.environment)

    @property
    def call(self) -> Calls:
        return Calls(account_id=self.environment.account, region=self.environment.region)

    def deploy(self, edit: Edit | None = None) -> dict[str, str]:
        """Deploy, after an edit; what was done with each stack."""
        self.edit(edit)
        self.simulation.prepare()
        return deploy_assembly(list(self.stacks), self.call)

    def preflight(self) -> list[Finding]:
        """What preflight finds of the next deployment, by the account as it is."""
        account = AccountReader(self.environment).read(self.stacks)
        return preflight_findings(Deployment(self.environment, self.stacks, account, SIMULATED_ACCOUNT.now))

    def nodes(self, pool: str) -> set[str]:
        """Ids of the running instances of a pool, also of node groups that its file no longer has."""
        return {instance["InstanceId"] for instance in self.instances(pool)}

    def instances(self, pool: str) -> list[dict[str, Any]]:
        return node_group_instances(self.environment, [pool, f"{pool}-cr-*"], self.call)

    def pool(self, name: str) -> PoolView:
        (found,) = [pool for pool in self.environment.pools if pool.name == name]
        return pool_view(self.environment, found)

    def node_group(self, name: str) -> NodeGroupView:
        """A node group; the first of a pool by the pool's name."""
        for pool in self.environment.pools:
            names = list(node_group_names(pool))
            if name in {pool.name, *names}:
                return node_group_view(self.environment, pool, names[0] if name == pool.name else name)
        raise KeyError(name)


@contextmanager
def site(name: str, edit: Edit | None = None, *, now: datetime | None = None) -> Iterator[DeployedEnvironment]:
    """An account in which nothing is deployed, an hour before the environment's first block."""
    made = DeployedEnvironment(name, edit)
    starts = [block.start for pool in made.environment.pools for block in pool.capacity_blocks]
    begin = min(starts) - timedelta(hours=1) if starts else datetime(2026, 11, 23, tzinfo=UTC)
    with embedded_aws(made.environment, now=now or begin):
        yield made
        aws_state.forget()


@contextmanager
def deployed(name: str, edit: Edit | None = None, *, up: bool = False) -> Iterator[DeployedEnvironment]:
    """The same with every stack deployed, for a test alone: it may change whatever it likes.

    Args:
        name: of the environment.
        edit: of its file.
        up: its pools run, half an hour after their blocks began.
    """
    with site(name, edit) as made:

        def deploy() -> bytes:
            made.deploy()
            if up:
                made.simulation.bring_up()
            return aws_state.save()

        aws_state.restore(_deployment(f"deployed {up} {name} {made.text}", deploy))
        yield made


def without_workloads(content: Content) -> None:
    """Pools alone: no teams, no models, nothing brought into the cluster."""
    content.update(teams=[], models=[], kubernetes={"delivery": "none"})


def remove_pool(content: Content, name: str) -> None:
    """Take a pool out of an environment's file, and the models that it serves."""
    content["pools"].remove(pool_of(content, name))
    content["models"] = [model for model in content.get("models", []) if model["pool"] != name]


def pool_of(content: Content, name: str) -> Content:
    """A pool of an environment's file."""
    (found,) = [item for item in content["pools"] if item["name"] == name]
    return found  # type: ignore[no-any-return]  # YAML
