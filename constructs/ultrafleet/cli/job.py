"""`ultrafleet job`: jobs as YAML, for `kubectl create -f -`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml

from ultrafleet.cell_queues.submitted import submitted
from ultrafleet.cli._completion import environment_names
from ultrafleet.environment import Environment, load_environment
from ultrafleet.environment.pool_nodes import environment_pool_nodes, managed_pool_nodes
from ultrafleet.environment.workloads import TeamSettings
from ultrafleet.errors import FleetError
from ultrafleet.jobs.acceptance_jobs import acceptance_job, shared_acceptance_manifests
from ultrafleet.jobs.placement import some_nodes, whole_ultraservers
from ultrafleet.jobs.pod import TrainingJob
from ultrafleet.jobs.training_jobs import jobset, torchrun_command, train_job
from ultrafleet.kubernetes.manifest import Manifest
from ultrafleet.queueing.flavors import Flavor, fleet_flavors

job = typer.Typer(
    help="Write training and acceptance jobs as YAML, for kubectl.",
    no_args_is_help=True,
    epilog="Example: ultrafleet job accept training rack-a | kubectl replace --force -f -",
)

EnvironmentName = Annotated[str, typer.Argument(help="name of the environment", autocompletion=environment_names)]
Json = Annotated[bool, typer.Option("--json", help="as JSON: one List, which kubectl takes, too")]
Folder = Annotated[Path, typer.Option("--environments", help="folder of environment files")]
_FOLDER = Path("stacks/environments")


@job.command(
    epilog="Example: ultrafleet job train training pretraining run-1 train.py --image IMAGE --ultraservers 1"
    " | kubectl create -f -"
)
def train(
    environment: EnvironmentName,
    team: Annotated[str, typer.Argument(help="team that runs the job")],
    name: Annotated[str, typer.Argument(help="name of the job")],
    script: Annotated[
        list[str], typer.Argument(help="program and arguments, run by torchrun on every GPU or NeuronCore")
    ],
    *,
    image: Annotated[str, typer.Option(help="container image, built for the nodes' architecture")],
    ultraservers: Annotated[
        int | None, typer.Option(help="number of whole UltraServers, without their spare nodes")
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(help="number of nodes, of one UltraServer or of single instances")
    ] = None,
    accelerators: Annotated[
        int | None,
        typer.Option(help="accelerators of one node, for a job of less than a node; --nodes is 1 then; default: all"),
    ] = None,
    capacity: Annotated[
        str | None, typer.Option(help="UltraServer type or instance type; needed where the queue has several")
    ] = None,
    nvlink: Annotated[
        bool | None,
        typer.Option(
            help="NVLink between nodes, by a ComputeDomain; default: for all nodes of UltraServers that jobs may have. "
            "State it for fewer only if no other job of the UltraServer has it"
        ),
    ] = None,
    kind: Annotated[Literal["jobset", "trainjob"], typer.Option(help="Kubernetes kind of the job")] = "jobset",
    priority: Annotated[str, typer.Option(help="Kueue priority class, one of the team's `priorities`")] = "training",
    lustre_path: Annotated[
        str | None, typer.Option(help="path at which the team's Lustre file system is mounted")
    ] = None,
    termination_grace_period_seconds: Annotated[
        int | None, typer.Option(help="seconds between SIGTERM and SIGKILL of an evicted pod; default: 30")
    ] = None,
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of an environment variable; repeatable")] = None,
    as_json: Json = False,
    environments: Folder = _FOLDER,
) -> None:
    """Write a team's training job, with a ComputeDomain of its own where it has whole UltraServers."""
    fleet = load_environment(environments / f"{environment}.yaml")
    found = next((item for item in fleet.teams if item.name == team), None)
    if found is None:
        known = ", ".join(item.name for item in fleet.teams) or "(none)"
        raise FleetError(
            path="team",
            got=repr(team),
            expected=f"one of {known} in {environment}",
        )
    if lustre_path is not None and found.file_system is None:
        raise FleetError(
            path="lustre_path",
            got=lustre_path,
            expected="none",
            remedy=f"team {team} has no file_system",
        )
    if priority not in found.priorities:
        raise FleetError(
            path="priority",
            got=repr(priority),
            expected=f"one of {', '.join(found.priorities)}",
            remedy=f"pass --priority, or add it to `priorities` of team {team} in {environment}: others are refused by "
            "the cluster",
        )
    flavor = _flavor(fleet, found.workload, capacity)
    if nodes is None and ultraservers is None and accelerators is not None:
        nodes = 1
    if (ultraservers is None) is (nodes is None):
        both = f"both stated, --ultraservers {ultraservers} and --nodes {nodes}"
        raise FleetError(
            path="the job's size",
            got="not stated" if nodes is None else both,
            expected="one of --ultraservers and --nodes",
            remedy="pass --ultraservers for whole UltraServers, --nodes for less or for single instances",
        )
    placement = some_nodes(flavor, nodes) if nodes is not None else whole_ultraservers(flavor, ultraservers or 0)
    if note := _borrowed(fleet, found, flavor, placement.nodes):
        typer.echo(note, err=True)
    training_job = TrainingJob(
        name=name,
        namespace=team,
        placement=placement,
        image=image,
        command=["torchrun", *script],
        env=_variables(env or []),
        priority=priority,
        lustre_path=lustre_path,
        termination_grace_period_seconds=termination_grace_period_seconds,
        accelerators=accelerators,
        nvlink=nvlink,
    )
    manages = fleet.kubernetes.manages
    if manages is not None and kind == "trainjob":
        raise FleetError(
            path="kind",
            got=kind,
            expected="jobset",
            remedy="a TrainJob has a runtime of its own, which the manager of a queue over cells brings to no worker",
        )
    if kind == "trainjob":
        _print(train_job(training_job), as_json=as_json)
        return
    command = torchrun_command(
        name,
        script,
        nodes=placement.nodes,
        processes_per_node=training_job.processes_per_node,
        by_topology=training_job.finds_its_order,
    )
    manifests = jobset(replace(training_job, command=command))
    _print(manifests if manages is None else submitted(manifests), as_json=as_json)


@job.command(epilog="Example: ultrafleet job accept training rack-a | kubectl replace --force -f -")
def accept(
    environment: EnvironmentName,
    pool: Annotated[str, typer.Argument(help="pool to test")],
    *,
    image: Annotated[
        str | None, typer.Option(help="container image with nccl-tests or nccom-test; default: the environment's")
    ] = None,
    prerequisites: Annotated[
        bool,
        typer.Option(
            "--prerequisites",
            help="write what a cluster without kubernetes.acceptance lacks instead: namespace, account, the launcher's "
            "code; for kubectl apply --server-side",
        ),
    ] = False,
    as_json: Json = False,
    environments: Folder = _FOLDER,
) -> None:
    """Write a pool's acceptance job, to run it again.

    It uses what `kubernetes.acceptance` of the file puts into the cluster, or `--prerequisites`.
    """
    fleet = load_environment(environments / f"{environment}.yaml")
    if prerequisites:
        _print(shared_acceptance_manifests(environment_pool_nodes(fleet)), as_json=as_json)
        return
    settings = fleet.kubernetes.acceptance
    if image is None and settings is None:
        raise FleetError(
            path="image",
            got="not stated",
            expected="--image, or kubernetes.acceptance.image in the file",
        )
    pools = {nodes.pool_name: nodes for nodes in environment_pool_nodes(fleet)}
    if pool not in pools:
        raise FleetError(
            path="pool",
            got=repr(pool),
            expected=f"one of {', '.join(sorted(pools))}",
        )
    floors = settings.floors_gbs.get(pool, {}) if settings else {}
    chosen = image if image is not None or settings is None else settings.images_of_pools().of(pools[pool])
    manifests = acceptance_job(pools[pool], image=str(chosen), floors=floors)
    if not manifests:
        raise FleetError(
            path=f"pool {pool}",
            verb="has",
            got="no NVLink, NeuronLink or EFA between nodes",
            expected="one that has",
        )
    if settings is None:
        typer.echo(
            f"note: {environment} has no kubernetes.acceptance, which brings the job's namespace, account and code, as "
            f"`ultrafleet job accept {environment} {pool} --prerequisites | kubectl apply --server-side -f -` does",
            err=True,
        )
    _print(manifests, as_json=as_json)


def _flavor(fleet: Environment, workload: str, capacity: str | None) -> Flavor:
    of_queue = [
        flavor
        for flavor in fleet_flavors(
            [*environment_pool_nodes(fleet), *managed_pool_nodes(fleet)],
            spare_nodes_per_ultraserver=fleet.kubernetes.spare_nodes_per_ultraserver,
            ultraserver_network_layers=fleet.kubernetes.ultraserver_network_layers,
        )
        if flavor.workload == workload
    ]
    flavors = [flavor for flavor in of_queue if capacity in (None, flavor.capacity)]
    if len(flavors) != 1:
        known = ", ".join(sorted({flavor.capacity for flavor in of_queue}))
        raise FleetError(
            path="capacity",
            got="not stated" if capacity is None else capacity,
            expected=f"one of {known}, which the queue {workload} has",
            remedy="pass --capacity",
        )
    return flavors[0]


def _borrowed(fleet: Environment, team: TeamSettings, flavor: Flavor, nodes: int) -> str | None:
    """Note on a job with more nodes than its team is guaranteed, where there are other teams."""
    guaranteed = team.guaranteed_nodes.get(flavor.capacity, 0)
    others = [other.name for other in fleet.teams if other.workload == team.workload and other.name != team.name]
    if nodes <= guaranteed or not others:
        return None
    return (
        f"note: nodes: {nodes}, {team.name} is guaranteed {guaranteed} {flavor.capacity}: the job runs while it has "
        f"the others from {', '.join(others)} and can be evicted for them, see guaranteed_nodes in "
        "docs/environments.md"
    )


def _variables(given: Sequence[str]) -> dict[str, str]:
    for item in given:
        if "=" not in item:
            raise FleetError(
                path="env",
                got=repr(item),
                expected="NAME=VALUE",
            )
    return dict(item.split("=", 1) for item in given)


def _print(manifests: Sequence[Manifest], *, as_json: bool) -> None:
    documents: list[Any] = [dict(manifest) for manifest in manifests]
    if as_json:
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}, indent=2))
        return
    print(yaml.safe_dump_all(documents, sort_keys=False), end="")
