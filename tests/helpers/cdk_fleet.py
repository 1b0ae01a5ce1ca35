"""Environment training on an embedded AWS in a process of its own, with running racks, for the CDK CLI."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
import boto3
import yaml

from ultrafleet.environment import load_environment
from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws
from ultrafleet.stacks.fleet_stage import FleetStage

ROOT: Final = Path(__file__).parent.parent.parent
PATH: Final = os.pathsep.join(
    [str(Path(sys.executable).parent), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]]
)
NAME: Final = "training"
DEPLOYED_AT: Final = "2026-12-01T10:30:00+00:00"
RUNNING_AT: Final = "2026-12-01T13:00:00+00:00"
"""Both racks run; their blocks end in two and in eight weeks."""

Content = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """Result of a command.

    Attributes:
        command: as a user types it.
        code: exit code.
        output: standard output and error.
    """

    command: str
    code: int
    output: str


class CdkFleet:
    """The environment's account, its cloud assemblies, and the CLI.

    Args:
        folder: of assemblies and of the embedded AWS's log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aws = EmbeddedAws(NAME, folder=folder / "state")
        self._environments = folder / "environments"
        self._environments.mkdir()
        self._text = (ROOT / "stacks" / "environments" / f"{NAME}.yaml").read_text()
        (self._environments / f"{NAME}.yaml").write_text(self._text)
        self.account = str(yaml.safe_load(self._text)["account"])
        self.region = str(yaml.safe_load(self._text)["region"])
        self.blocks = {
            block["capacity_reservation_id"]
            for pool in yaml.safe_load(self._text)["pools"]
            for block in pool.get("blocks", [])
        }

    def start(self) -> None:
        """Start the embedded AWS, deploy every stack, let the racks start."""
        self._aws.start(environments=self._environments, now=datetime.fromisoformat(DEPLOYED_AT))
        self.dispatch("prepare")
        self._run(["bootstrap", f"aws://{self.account}/{self.region}"], app="")
        self.assembly("base")
        deployed = self.cdk("base", "deploy", f"{NAME}/**")
        assert deployed.code == 0, deployed.output
        self.dispatch("advance", to=RUNNING_AT)

    def stop(self) -> None:
        """Stop the embedded AWS."""
        self._aws.stop()

    def dispatch(self, command: str, **arguments: Any) -> Any:
        """Send a command to the simulation."""
        return self._aws.dispatch(command, **arguments)

    # Assemblies

    def assembly(self, name: str, edit: Callable[[Content], object] | None = None) -> None:
        """Synthesise the environment's file, after an edit, as `cdk synth` does."""
        content = yaml.safe_load(self._text)
        if edit is not None:
            edit(content)
        path = self._environments / f"{NAME}.yaml"
        path.write_text(yaml.safe_dump(content))
        app = cdk.App(
            context=json.loads((ROOT / "cdk.json").read_text())["context"],
            outdir=str(self._folder / name),
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,
        )
        FleetStage(app, environment=load_environment(path))
        app.synth()

    def template(self, assembly: str, stack: str) -> str:
        """Template of a stack in an assembly."""
        return self._template(assembly, stack).read_text()

    def _template(self, assembly: str, stack: str) -> Path:
        folder = self._folder / assembly / f"assembly-{NAME}"
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
        (artifact,) = [key for key, value in artifacts.items() if value.get("displayName") == f"{NAME}/{stack}"]
        return folder / f"{artifact}.template.json"

    def changed_template(self, name: str, of: str, stack: str, change: Callable[[str], str]) -> None:
        """Copy an assembly and change the text of one stack's template, under a new hash."""
        shutil.copytree(self._folder / of, self._folder / name)
        path = self._template(name, stack)
        assets = path.with_name(path.name.replace(".template.", ".assets."))
        changed = change(path.read_text())
        assert changed != path.read_text()
        files = json.loads(assets.read_text())["files"]
        (old,) = [key for key, value in files.items() if value["source"]["path"] == path.name]
        path.write_text(changed)
        new = hashlib.sha256(changed.encode()).hexdigest()
        for file in (path.with_name("manifest.json"), assets):
            file.write_text(file.read_text().replace(old, new))

    # Commands

    def cdk(self, assembly: str, *arguments: str) -> Told:
        """Run the CDK CLI on an assembly."""
        approved = ["--require-approval", "never"] if arguments[0] == "deploy" else []
        return self._run([*arguments, *approved], app=str(self._folder / assembly), shown=list(arguments))

    def _run(self, arguments: list[str], *, app: str, shown: list[str] | None = None) -> Told:
        program = shutil.which("cdk", path=PATH)
        assert program is not None
        done = subprocess.run(
            [program, *arguments, "--app", app, "--no-notices", "--ci"],
            env={**self._aws.variables(account=self.account, region=self.region), "PATH": PATH},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        words = [f"'{word}'" if "*" in word or "{" in word else word for word in shown or arguments]
        return Told(command=" ".join(["cdk", *words]), code=done.returncode, output=done.stdout)

    def client(self, service: str) -> Any:
        """Client of an API of the embedded AWS."""
        return boto3.client(
            service,
            endpoint_url=self._aws.endpoint,
            region_name=self.region,
            aws_access_key_id=self.account,
            aws_secret_access_key="rehearsal",  # noqa: S106  # nothing checks it
        )

    # Nodes

    def rack_nodes(self) -> dict[str, str | None]:
        """Instances that ever ran in the racks' blocks, and the moment each was terminated."""
        return {
            item["instance"]: item["terminated"]
            for item in self.dispatch("lifetimes")
            if item["reservation"] in self.blocks
        }

    def lost_by(self, action: Callable[[], object]) -> int:
        """Node-minutes that the nodes which run now miss in the hour after an action is begun."""
        end = datetime.fromisoformat(self.dispatch("status")["now"]) + timedelta(hours=1)
        before = [instance for instance, terminated in self.rack_nodes().items() if terminated is None]
        action()
        if datetime.fromisoformat(self.dispatch("status")["now"]) < end:
            self.dispatch("advance", to=end.isoformat())
        after = self.rack_nodes()
        ended = [datetime.fromisoformat(moment) for instance in before if (moment := after[instance]) is not None]
        return round(sum((end - moment) / timedelta(minutes=1) for moment in ended if moment < end))

    def group(self, name: str) -> dict[str, Any]:
        """A node group as EKS describes it."""
        found: dict[str, Any] = self.client("eks").describe_nodegroup(clusterName=NAME, nodegroupName=name)["nodegroup"]
        return found

    def stack_status(self, name: str) -> str:
        """Status of a stack; "" where there is none."""
        return str(self.dispatch("status")["stacks"].get(f"{NAME}-{name}", ""))
