"""Cells as small as they can be: a pool and its schedule on an existing cluster, in an assembly as a programme's."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import yaml

from helpers.command import ROOT
from ultrafleet.environment import load_environment
from ultrafleet.environment.digest import write_digest
from ultrafleet.programme.rollout_settings import RolloutSettings
from ultrafleet.rollout import definition, waves
from ultrafleet.stacks.fleet_stage import FleetStage

Place = tuple[str, str]
"""Account and region."""
STACKS = ("capacity", "pool-r1")
"""Stacks of a cell."""


def write_programme(folder: Path, name: str, cells: Mapping[str, Place], settings: RolloutSettings) -> None:
    """Write `assembly/` and the definition of the rollout of a programme.

    Args:
        folder: where.
        name: of the programme.
        cells: names of the cells, with their places.
        settings: of the rollout.
    """
    environments = folder / "assembly" / "environments"
    environments.mkdir(parents=True)
    app = cdk.App(
        context=json.loads((ROOT / "cdk.json").read_text())["context"],
        outdir=str(folder / "assembly"),
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
    )
    made = []
    for number, (cell, place) in enumerate(cells.items()):
        path = environments / f"{cell}.yaml"
        path.write_text(yaml.safe_dump(_file(cell, place, f"{number:016x}")))
        made.append(load_environment(path))
        FleetStage(app, environment=made[-1])
    app.synth()
    for environment in made:
        write_digest(folder / "assembly" / f"assembly-{environment.name}", environment)
    planned: list[Any] = [
        SimpleNamespace(name=cell, site=SimpleNamespace(name=cell), ultraserver_type="", workload="training", racks=())
        for cell in cells
    ]
    (folder / f"{name}.rollout.mk").write_text(definition(name, waves(planned, settings), settings))


def _file(name: str, place: Place, number: str) -> dict[str, Any]:
    account, region = place
    block = {
        "capacity_reservation_id": f"cr-0{number}",
        "availability_zone": f"{region}a",
        "start": datetime(2026, 12, 1, 11, 30, tzinfo=UTC),
        "end": datetime(2026, 12, 15, 11, 30, tzinfo=UTC),
        "instance_count": 1,
    }
    pool = {
        "name": "r1",
        "kind": "accelerator",
        "workload": "training",
        "instance_type": "p5.48xlarge",
        "nodes": 1,
        "subnet": "accel-a",
        "blocks": [block],
    }
    subnet = {
        "name": "accel-a",
        "kind": "accelerator",
        "availability_zone": f"{region}a",
        "subnet_id": f"subnet-0{number}",
        "cidr": "10.0.0.0/20",
    }
    return {
        "account": account,
        "region": region,
        "production": False,
        "network": {"vpc_id": f"vpc-0{number}", "efa_security_group_id": f"sg-e{number}", "subnets": [subnet]},
        "cluster": {
            "existing": {"name": name, "security_group_id": f"sg-c{number}", "authentication_mode": "API"},
            "kubernetes_version": "1.33",
            "node_role_arn": f"arn:aws:iam::{account}:role/{name}-nodes",
        },
        "pools": [pool],
    }
