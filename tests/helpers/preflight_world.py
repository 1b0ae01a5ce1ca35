"""An environment for preflight without CDK and AWS: small templates of its stacks, and the account they make."""

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.preflight import (
    Deployment,
    Finding,
    LiveAccount,
    LiveNodeGroup,
    LiveReservation,
    LiveStack,
    preflight_findings,
)
from ultrafleet.preflight.account import node_groups_of
from ultrafleet.rules.block_clock import lead_or_default
from ultrafleet.rules.schedule_tags import schedule_tags
from ultrafleet.templates.assembly import AssemblyStack

FILE = Path(__file__).parent.parent.parent / "stacks" / "environments" / "training.yaml"
NOW = datetime(2026, 12, 10, 10, 30, tzinfo=UTC)
"""Both racks run in their first blocks."""
RACK_A, RACK_A_NEXT, RACK_B = (
    f"rack-{end}" for end in ("a-cr-0aaaaaaaaaaaaaaa1", "a-cr-0aaaaaaaaaaaaaaa2", "b-cr-0bbbbbbbbbbbbbbb1")
)

Content = dict[str, Any]
Templates = dict[str, dict[str, Any]]
Edit = Callable[[Content], object]


def content() -> Content:
    """Content of the shipped training environment."""
    found: Content = yaml.safe_load(FILE.read_text())
    return found


def environment_of(edited: Content, name: str = "training") -> Environment:
    """Environment of a file's content."""
    return Environment.model_validate({"name": name, **edited})


def templates_of(environment: Environment) -> Templates:
    """Templates of the network, the cluster and each pool, as small as preflight needs them."""
    subnets = {
        f"Subnet{item.name}": {"Type": "AWS::EC2::Subnet", "Properties": {"CidrBlock": item.cidr, "VpcId": "vpc-1"}}
        for item in environment.network.subnets
    }
    exports = {f"Out{name}": {"Value": {"Ref": name}, "Export": {"Name": f"training-{name}"}} for name in subnets}
    cluster = {"Name": "training", "Version": environment.cluster.kubernetes_version}
    return {
        "training-network": {"Resources": subnets, "Outputs": exports},
        "training-cluster": {"Resources": {"Cluster": {"Type": "AWS::EKS::Cluster", "Properties": cluster}}},
        **{f"training-pool-{pool.name}": _pool(pool) for pool in environment.pools},
    }


def _pool(pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    blocks = pool.capacity_blocks
    for block in blocks:
        if block.existing_node_group is not None:
            continue
        tags = schedule_tags(
            capacity_reservation_id=block.capacity_reservation_id,
            drain_lead_minutes=lead_or_default(pool.drain_lead_minutes, ultraserver=True),
            hold=pool.hold,
        )
        desired = {} if block.initial_desired_size is None else {"DesiredSize": block.initial_desired_size}
        scaling = {"MinSize": 0, "MaxSize": block.instance_count, **desired}
        version = block.launch_template_version
        resources |= _node_group(pool, block.node_group(pool.name), scaling=scaling, tags=tags, version=version)
    if isinstance(pool, AcceleratorPoolSettings) and not blocks:
        scaling = {"MinSize": 0, "MaxSize": pool.max_nodes, "DesiredSize": pool.max_nodes}
        resources |= _node_group(pool, pool.name, scaling=scaling, tags={}, version=pool.launch_template_version)
    return {"Resources": resources}


def _node_group(pool: Any, name: str, *, scaling: Content, tags: Content, version: int) -> dict[str, Any]:
    data = {"InstanceType": str(pool.instance), "Volume": pool.node.root_volume_gib}
    template = {"LaunchTemplateName": f"training-{name}", "LaunchTemplateData": data}
    properties = {
        "ClusterName": "training",
        "NodegroupName": name,
        "Subnets": [{"Fn::ImportValue": f"training-Subnet{pool.subnet}"}],
        "LaunchTemplate": {"Id": {"Ref": f"Template{name}"}, "Version": str(version)},
        "ScalingConfig": scaling,
        "UpdateConfig": {"MaxUnavailable": pool.node.max_unavailable},
        "Labels": {"ultrafleet/pool": pool.name, "ultrafleet/workload": pool.workload},
        "Tags": {"ultrafleet:pool": pool.name, **tags},
    }
    return {
        f"Template{name}": {"Type": "AWS::EC2::LaunchTemplate", "Properties": template},
        f"Group{name}": {"Type": "AWS::EKS::Nodegroup", "Properties": properties},
    }


def account_of(environment: Environment, templates: Templates, *, running: Iterable[str]) -> LiveAccount:
    """Account in which the templates were deployed.

    Args:
        environment: as deployed.
        templates: as deployed.
        running: names of the node groups that run nodes, as many as they may have.
    """
    groups = {}
    for template in templates.values():
        for name, (_, properties) in node_groups_of(template).items():
            size = properties["ScalingConfig"]["MaxSize"] if name in running else 0
            followed = properties["Tags"].get("ultrafleet:capacity-reservation")
            groups[name] = LiveNodeGroup(
                name=name,
                version=environment.cluster.kubernetes_version,
                desired_size=size,
                tags=properties["Tags"],
                nodes=size,
                running_in=frozenset([followed] if followed and size else []),
            )
    return LiveAccount(
        cluster_version=environment.cluster.kubernetes_version,
        stacks={
            name: LiveStack(name=name, status="UPDATE_COMPLETE", template=template)
            for name, template in templates.items()
        },
        node_groups=groups,
        reservations={
            block.capacity_reservation_id: LiveReservation(
                id=block.capacity_reservation_id,
                state="active" if block.start <= NOW else "scheduled",
                kind="capacity-block",
                instance_type=str(block.instance_type),
                instance_count=block.instance_count,
                availability_zone=block.availability_zone,
                end=block.end,
            )
            for pool in environment.pools
            for block in pool.capacity_blocks
        },
        newest_versions=dict.fromkeys((f"{environment.name}-{name}" for name in groups), 1),
    )


class World:
    """Account in which the training environment runs, and an edit of its file.

    Args:
        before: edit of the file that is deployed.
        running: node groups that run nodes.
    """

    def __init__(self, before: Edit | None = None, *, running: Iterable[str] = (RACK_A, RACK_B, "b300")) -> None:
        self.content = content()
        if before is not None:
            before(self.content)
        environment = environment_of(self.content)
        self.account = account_of(environment, templates_of(environment), running=running)

    def group(self, name: str, **changed: Any) -> None:
        """Change a live node group."""
        self.account = replace(
            self.account,
            node_groups={**self.account.node_groups, name: replace(self.account.node_groups[name], **changed)},
        )

    def reservation(self, reservation_id: str, **changed: Any) -> None:
        """Change a live reservation."""
        found = replace(self.account.reservations[reservation_id], **changed)
        self.account = replace(self.account, reservations={**self.account.reservations, reservation_id: found})

    def deployment(self, edit: Edit | None = None, *, now: datetime = NOW) -> Deployment:
        """Deployment of the file after an edit."""
        edited = deepcopy(self.content)
        if edit is not None:
            edit(edited)
        environment = environment_of(edited)
        stacks = [
            AssemblyStack(name=name, template=json.dumps(template), termination_protection=False, needs=())
            for name, template in templates_of(environment).items()
        ]
        return Deployment(environment, stacks, self.account, now)

    def findings(self, edit: Edit | None = None, *, now: datetime = NOW) -> list[Finding]:
        """Findings of that deployment."""
        return preflight_findings(self.deployment(edit, now=now))
