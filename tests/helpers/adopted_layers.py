"""Edits of an environment on an existing cluster, and the layers that it may have alone."""

from collections.abc import Callable
from typing import Any

import yaml

from helpers.environment_changes import Content, each, put, remove
from helpers.rehearsal_site import FIXTURES

Change = Callable[[Content], object]
SYSTEM = {
    "name": "system-a",
    "kind": "system",
    "availability_zone": "us-east-1a",
    "subnet_id": "subnet-0ddddddddddddddd6",
    "cidr": "10.96.4.0/22",
}
ACCESS = put("cluster", "existing", authentication_mode="API_AND_CONFIG_MAP")
KUBECTL = each(put("kubernetes", delivery="kubectl", dashboard=False), ACCESS)
CONTROL_PLANE = [
    {
        "name": f"control-{zone}",
        "kind": "control_plane",
        "availability_zone": f"us-east-1{zone}",
        "cidr": f"10.96.0.{index * 64}/26",
        "route_table_id": "rtb-0ddddddddddddddd3",
    }
    for index, zone in enumerate("ab")
]


def adopted(*changes: Change) -> Content:
    content: Content = yaml.safe_load((FIXTURES / "adopted.yaml").read_text())
    each(*changes)(content)
    return content


def subnets(*more: Content) -> Change:
    return lambda content: content["network"]["subnets"].extend(more)


def without(*keys: str) -> Change:
    def change(content: Any) -> None:
        *path, last = keys
        for key in path:
            content = content[key]
        del content[last]

    return change


LAYERS: list[tuple[str, Change, list[str]]] = [
    ("pools on blocks", put(), ["network", "capacity", "pool-rack-a", "pool-b300"]),
    (
        "pools alone",
        each(
            put(block_schedule="none"),
            put("network", efa_security_group_id="sg-0ddddddddddddddd7"),
            remove("pools", "rack-a"),
            remove("network", "subnets", "dallas"),
        ),
        ["pool-b300"],
    ),
    (
        "with a role of its own",
        each(without("cluster", "node_role_arn"), put(block_schedule="existing")),
        ["network", "cluster", "pool-rack-a", "pool-b300"],
    ),
    (
        "the schedule alone",
        lambda content: content.update(
            network={},
            pools=[],
            block_schedule="new",
            cluster={"existing": {"name": "research"}, "kubernetes_version": "1.35"},
        ),
        ["capacity"],
    ),
    (
        "the Kubernetes layer alone",
        each(
            KUBECTL,
            subnets(SYSTEM),
            put(block_schedule="existing"),
            put("network", efa_security_group_id="sg-0ddddddddddddddd7"),
            put("pools", "rack-a", "blocks", "0", existing_node_group="rack"),
            remove("pools", "b300"),
            put("network", "subnets", "dallas", subnet_id="subnet-0ddddddddddddddd8", route_table_id=None),
        ),
        ["kubernetes"],
    ),
    (
        "system nodes and administrators",
        each(
            ACCESS,
            subnets(SYSTEM),
            put("cluster", system_nodes={}, admin_role_arns=["arn:aws:iam::111122223333:role/operators"]),
        ),
        ["network", "system", "capacity", "pool-rack-a", "pool-b300"],
    ),
    (
        "a new cluster in an existing VPC",
        each(
            put(cluster={}, kubernetes={"delivery": "none"}),
            subnets(*CONTROL_PLANE, SYSTEM),
        ),
        ["network", "cluster", "system", "capacity", "pool-rack-a", "pool-b300"],
    ),
]
