"""`ultrafleet preflight`: compares a deployment with what runs. The only subcommand that calls AWS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ultrafleet.cli._completion import environment_names
from ultrafleet.environment import Environment, load_environments
from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import read_assembly
from ultrafleet.templates.node_group import NODE_GROUP
from ultrafleet.templates.preflight import LivePool, preflight_problems


def preflight(
    environment: Annotated[str, typer.Argument(help="name of the environment", autocompletion=environment_names)],
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    assembly: Annotated[Path, typer.Option(help="cloud assembly, the output of cdk synth")] = Path("cdk.out"),
) -> None:
    """Ask AWS whether a deployment would take running nodes away.

    Exit code 0: no node is taken, 1: nodes would be taken, 2: unusable input.

    Calls eks:DescribeNodegroup, ec2:DescribeLaunchTemplates and ec2:DescribeInstances with your credentials, in the
    environment's region.
    """
    (loaded,) = load_environments(environments, only=environment)
    hazards = [
        hazard
        for pool in loaded.pools
        for hazard in preflight_problems(
            pool.name,
            _synthesised_node_group(assembly, loaded, pool.name),
            _live_pool(loaded, pool.name),
            roll_running_nodes=pool.roll_running_nodes,
            blocks=[block.capacity_reservation_id for block in pool.blocks] if pool.blocks else None,
        )
    ]
    for hazard in hazards:
        print(hazard)
    if hazards:
        raise typer.Exit(1)
    print(f"{environment}: {len(loaded.pools)} pools, a deployment takes no running node away")


def _synthesised_node_group(assembly: Path, environment: Environment, pool: str) -> Mapping[str, Any]:
    folder = assembly / f"assembly-{environment.name}"
    try:
        (stack,) = [item for item in read_assembly(folder) if item.name == f"{environment.name}-pool-{pool}"]
        (properties,) = [
            resource["Properties"] for resource in stack.content["Resources"].values() if resource["Type"] == NODE_GROUP
        ]
    except ValueError as error:  # FleetError among them
        raise FleetError(
            path=folder,
            verb="holds",
            got=f"no template of pool {pool}",
            expected="one",
            remedy=f"run `make synth ENV={environment.name}` first",
        ) from error
    found: Mapping[str, Any] = properties
    return found


def _live_pool(environment: Environment, pool: str) -> LivePool:
    try:
        import boto3  # noqa: PLC0415 - only this word of the command needs it
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise FleetError(
            path="boto3",
            got="not installed",
            expected="it",
            remedy="pip install 'ultrafleet[preflight]'",
        ) from error
    try:
        eks = boto3.client("eks", region_name=environment.region)
        try:
            group = eks.describe_nodegroup(clusterName=environment.name, nodegroupName=pool)["nodegroup"]
        except eks.exceptions.ResourceNotFoundException:
            group = None  # neither the pool nor perhaps the cluster
        ec2 = boto3.client("ec2", region_name=environment.region)
        templates = ec2.describe_launch_templates(
            Filters=[{"Name": "launch-template-name", "Values": [f"{environment.name}-{pool}"]}]
        )["LaunchTemplates"]
        running_in = frozenset(
            instance["CapacityReservationId"]
            for page in ec2.get_paginator("describe_instances").paginate(
                Filters=[
                    {"Name": "tag:eks:cluster-name", "Values": [environment.name]},
                    {"Name": "tag:eks:nodegroup-name", "Values": [pool]},
                    {"Name": "instance-state-name", "Values": ["pending", "running"]},
                ]
            )
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
            if "CapacityReservationId" in instance
        )
    except (BotoCoreError, ClientError) as error:
        raise FleetError(
            path="aws",
            verb="can't be",
            got=f"asked about pool {pool} ({error})",
            expected=f"credentials for account {environment.account}",
        ) from error
    return LivePool(
        node_group=group,
        latest_version=templates[0]["LatestVersionNumber"] if templates else None,
        running_in=running_in,
    )
