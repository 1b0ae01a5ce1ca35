"""Programs that make a launch template and a node group for each of N racks, and what else they are compared with."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FLOOR = "empty app"
BARE = "bare CfnResource"
IDIOMATIC = "idiomatic L2"
LIBRARY = "UltraServerPools"
SINGLE = "UltraServerPool"
WRITING = "json.dump"
TERRAFORM = "terraform plan"


@dataclass(frozen=True)
class Rival:
    """A program: how it is started for so many pools, and what it is.

    Attributes:
        name: its name in tables.
        says: what it does, a sentence.
        command: command for a number of pools and a folder of its own; None where it can't be run here.
        validates: whether CDK's validation can be switched on in it.
        most: pools at most.
    """

    name: str
    says: str
    command: Callable[[int, Path], list[str] | None]
    validates: bool = True
    most: int = sys.maxsize


def environment(outdir: Path, *, validation: bool) -> dict[str, str]:
    return {"CDK_OUTDIR": str(outdir), "CDK_VALIDATION": "true" if validation else "false"}


def _script(name: str) -> Callable[[int, Path], list[str]]:
    return lambda pools, _: [sys.executable, str(HERE / name), str(pools)]


def _finished(pools: int, folder: Path) -> list[str]:
    """Templates of the bare program, made before."""
    made = folder / "finished"
    subprocess.run(
        _script("bare.py")(pools, folder),
        env={**os.environ, **environment(made, validation=False)},
        check=True,
        capture_output=True,
    )
    return [sys.executable, str(HERE / "finished.py"), str(pools), str(made)]


def _terraform(pools: int, folder: Path) -> list[str] | None:
    """Plan of a configuration with the same racks, where Terraform and its provider are installed.

    TERRAFORM_PLUGINS names a folder of providers. Nothing is asked of AWS: the resources are new.
    """
    binary, plugins = shutil.which("terraform"), os.environ.get("TERRAFORM_PLUGINS")
    if binary is None or plugins is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf.json").write_text(json.dumps(_configuration(pools)))
    prepared = subprocess.run(
        [binary, f"-chdir={folder}", "init", "-no-color", f"-plugin-dir={plugins}"], capture_output=True, check=False
    )
    if prepared.returncode:
        return None
    return [binary, f"-chdir={folder}", "plan", "-no-color", "-refresh=false", "-input=false", "-out=plan"]


def _configuration(pools: int) -> Mapping[str, object]:
    """Racks as a map, which both resources are made for: how Terraform repeats things."""
    racks = {f"rack-{number:04}": f"cr-{number:017x}" for number in range(pools)}
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {
            "aws": {
                "region": "us-east-1",
                "access_key": "none",
                "secret_key": "none",
                "skip_credentials_validation": True,
                "skip_metadata_api_check": True,
                "skip_requesting_account_id": True,
            }
        },
        "locals": {"racks": racks},
        "resource": {
            "aws_launch_template": {
                "rack": {
                    "for_each": "${local.racks}",
                    "name": "fleet-${each.key}-${each.value}",
                    "instance_type": "p6e-gb200.36xlarge",
                    "capacity_reservation_specification": {
                        "capacity_reservation_target": {"capacity_reservation_id": "${each.value}"}
                    },
                    "instance_market_options": {"market_type": "capacity-block"},
                    "network_interfaces": [
                        {
                            "network_card_index": card,
                            "device_index": 0,
                            "interface_type": "efa-only" if card else "interface",
                            "security_groups": ["sg-0aaaaaaaaaaaaaaa1", "sg-0aaaaaaaaaaaaaaa2"],
                            "delete_on_termination": True,
                        }
                        for card in (0, 1, 5, 9, 13)
                    ],
                    "metadata_options": {"http_tokens": "required", "http_put_response_hop_limit": 1},
                    "block_device_mappings": {
                        "device_name": "/dev/xvda",
                        "ebs": {"encrypted": True, "volume_size": 100, "volume_type": "gp3"},
                    },
                    "tag_specifications": [
                        {"resource_type": kind, "tags": {"Name": "fleet-${each.key}-${each.value}"}}
                        for kind in ("instance", "network-interface", "volume")
                    ],
                }
            },
            "aws_eks_node_group": {
                "rack": {
                    "for_each": "${local.racks}",
                    "cluster_name": "fleet",
                    "node_group_name": "${each.key}-${each.value}",
                    "node_role_arn": "arn:aws:iam::111122223333:role/node",
                    "subnet_ids": ["subnet-0aaaaaaaaaaaaaaa1"],
                    "ami_type": "AL2023_ARM_64_NVIDIA",
                    "capacity_type": "CAPACITY_BLOCK",
                    "labels": {"ultrafleet/pool": "${each.key}"},
                    "launch_template": {"id": "${aws_launch_template.rack[each.key].id}", "version": "1"},
                    "scaling_config": {"min_size": 0, "max_size": 18, "desired_size": 0},
                    "taint": {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"},
                }
            },
        },
    }


RIVALS = (
    Rival(FLOOR, "an empty CDK app: what every other CDK program pays first", _script("empty.py")),
    Rival(WRITING, "the bare program's finished templates, read and written by Python", _finished, validates=False),
    Rival(BARE, "both resources of each pool from literals, in CDK; it derives and checks nothing", _script("bare.py")),
    Rival(LIBRARY, "the same resources, derived: a construct a stack (`library.py`)", _script("library.py")),
    Rival(SINGLE, "the same, a construct a pool (`single.py`)", _script("single.py")),
    Rival(IDIOMATIC, "`eks_v2.Cluster` and `add_nodegroup_capacity`, a cluster for 25 pools", _script("idiomatic.py")),
    Rival(
        TERRAFORM,
        "the plan of the same racks with `for_each`, all new; no template comes out of it",
        _terraform,
        validates=False,
        most=1000,
    ),
)
