"""The gate in front of unproven nodes: a CronJob that tests, releases and holds them, with the least that it needs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.acceptance.gate_api import CONFIG_MAP
from ultrafleet.errors import FleetError
from ultrafleet.jobs.acceptance_jobs import ACCEPTANCE_NAMESPACE
from ultrafleet.jobs.cluster_program import PROGRAM_IMAGE, ClusterProgram
from ultrafleet.kubernetes.labels import POOL_LABEL
from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import UNPROVEN_TAINT

GATE_MODULES: Final = (
    "acceptance.gate_command",
    "acceptance.gate",
    "acceptance.gate_api",
    "acceptance.gate_objects",
    "acceptance.gate_state",
    "acceptance.report",
    "acceptance.run_template",
    "in_cluster.kubernetes_api",
)
"""Modules that the gate runs."""

_NAME = "acceptance-gate"


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """Settings of the gate.

    Attributes:
        wait_minutes: how long after the first node of a block the others are waited for.
        run_minutes: how long a run may take; without a result by then it has hung.
        keep_hours: how long runs that are over are kept, for their logs.
        image: image with Python 3.11 or newer.
    """

    wait_minutes: int = 15
    run_minutes: int = 90
    keep_hours: int = 24
    image: str = PROGRAM_IMAGE

    def __post_init__(self) -> None:
        for name, value, most in (
            ("wait_minutes", self.wait_minutes, 24 * 60),
            ("run_minutes", self.run_minutes, 24 * 60),
            ("keep_hours", self.keep_hours, 14 * 24),
        ):
            if not 1 <= value <= most:
                raise FleetError(path=name, got=value, expected=f"1 to {most}", remedy=f"pass another {name}")


def gate_manifests(
    pools: Sequence[PoolNodes],
    templates: Mapping[str, Mapping[str, Any]],
    *,
    settings: GateSettings | None = None,
    usd_per_node_hour: Mapping[str, float | None] | None = None,
) -> list[Manifest]:
    """The gate's objects: account, rights, configuration, code and CronJob.

    Args:
        pools: the tested pools.
        templates: `acceptance_template` of each, by name.
        settings: how long it waits. Default: `GateSettings()`.
        usd_per_node_hour: public price of a node by pool, for reports; None where there is none. Default: none known.

    Raises:
        FleetError: new nodes of a pool don't start with the taint of unproven nodes.
    """
    for pool in pools:
        if UNPROVEN_TAINT not in pool.startup_taints:
            raise FleetError(
                path=f"startup_taints of pool {pool.pool_name}",
                got=[taint.key for taint in pool.startup_taints],
                expected=f"{UNPROVEN_TAINT.key} among them",
                remedy="pass NodeOptions(startup_taints=[UNPROVEN_TAINT]) to the pool: without it jobs run on nodes "
                "that are tested later",
            )
    chosen = settings or GateSettings()
    program = _program(chosen.image)
    prices = usd_per_node_hour or {}
    return [
        program.service_account(),
        *_rights(program),
        *_bounds(program, sorted(pool.pool_name for pool in pools)),
        kubernetes_object(
            "v1",
            "ConfigMap",
            CONFIG_MAP,
            namespace=ACCEPTANCE_NAMESPACE,
            data={
                "settings": _json(
                    {
                        "waitMinutes": chosen.wait_minutes,
                        "runMinutes": chosen.run_minutes,
                        "keepHours": chosen.keep_hours,
                    }
                ),
                **{
                    f"pool.{pool.pool_name}": _json(
                        {
                            "nodeGroupSizes": pool.node_group_sizes,
                            "nodesPerGroup": pool.nodes_at_hand,
                            "usdPerNodeHour": prices.get(pool.pool_name),
                            "template": templates[pool.pool_name],
                        }
                    )
                    for pool in pools
                },
            },
        ),
        program.code(),
        program.network_policy(),
        program.cron_job(),
    ]


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _program(image: str) -> ClusterProgram:
    return ClusterProgram(
        name=_NAME,
        namespace=ACCEPTANCE_NAMESPACE,
        modules=GATE_MODULES,
        schedule="* * * * *",
        image=image,
        container="gate",
    )


def _rights(program: ClusterProgram) -> list[Manifest]:
    """Rights on nodes, on the runs' objects, and to write Events of nodes, which are in `default`."""
    runs = {"verbs": ["list", "create", "delete"]}
    return [
        *program.role([{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]}]),
        *program.role(
            [
                {"apiGroups": ["trainer.kubeflow.org"], "resources": ["trainjobs", "trainingruntimes"], **runs},
                {"apiGroups": ["resource.nvidia.com"], "resources": ["computedomains"], **runs},
                {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "delete"]},
            ],
            namespace=ACCEPTANCE_NAMESPACE,
        ),
        *program.role([{"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}], namespace="default"),
    ]


def _bounds(program: ClusterProgram, pools: Sequence[str]) -> list[Manifest]:
    """Bounds that RBAC can't set: on nodes of tested pools, the one taint and the annotations about acceptance."""
    pool = f"oldObject.metadata.labels['{POOL_LABEL}']"
    policy_rules = {
        "nodes of other pools": f"has(oldObject.metadata.labels) && '{POOL_LABEL}' in oldObject.metadata.labels && "
        f"{pool} in {json.dumps(list(pools))}",
        "labels": "object.metadata.labels == oldObject.metadata.labels",
        "another taint": f"{_taints('object')} == {_taints('oldObject')}",
        "whether pods may be placed": "object.spec.?unschedulable.orValue(false) == "
        "oldObject.spec.?unschedulable.orValue(false)",
        "another annotation": f"{_kept('object', 'oldObject')} && {_kept('oldObject', 'object')}",
    }
    return program.bounds(
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["nodes"]},
        {f"the gate may not change {what}": expression for what, expression in policy_rules.items()},
    )


def _taints(node: str) -> str:
    """Taints of a node but the one of unproven nodes, in CEL."""
    return f"(has({node}.spec.taints) ? {node}.spec.taints : []).filter(t, t.key != '{UNPROVEN_TAINT.key}')"


def _kept(these: str, those: str) -> str:
    """In CEL: annotations of one that aren't about acceptance are those of the other, too."""
    one, other = (f"(has({node}.metadata.annotations) ? {node}.metadata.annotations : {{}})" for node in (these, those))
    return f"{one}.all(k, k.startsWith('ultrafleet/acceptance') || (k in {other} && {other}[k] == {one}[k]))"
