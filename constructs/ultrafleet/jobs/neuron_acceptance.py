"""Trainium's part of an acceptance run: nccom-test's launcher, its floors, and sshd's environment in the workers."""

from collections.abc import Mapping, Sequence
from typing import Any

from ultrafleet.acceptance import Threshold, UnknownThresholdError
from ultrafleet.acceptance.image import worker_script
from ultrafleet.acceptance.nccom_log import nccom_threshold
from ultrafleet.errors import UnknownFactError
from ultrafleet.jobs.neuron import joins_nodes, logical_core_size
from ultrafleet.kubernetes.pool_nodes import PoolNodes

LAUNCHER = "ultrafleet.acceptance.neuron_run"


def is_neuron(pool: PoolNodes) -> bool:
    """True if nccom-test tests the pool, not nccl-tests."""
    return pool.instance_type.accelerator_kind == "neuron"


def neuron_worker_script() -> str:
    """Script of a worker, whose sshd gives programs the environment that the launcher writes into a file."""
    return worker_script(options={"PermitUserEnvironment": "yes"})


def neuron_floor(pool: PoolNodes, path: str, floors: Mapping[Any, float]) -> Threshold:
    """Minimum bus bandwidth of a pool of Trainium in nccom-test's GB/s.

    Args:
        pool: the pool.
        path: "neuronlink", "efa" or "node".
        floors: floors of your own by path.

    Raises:
        UnknownFactError: none was passed; no source publishes one.
    """
    try:
        return nccom_threshold(str(pool.instance_type), path, min_bus_bandwidth_gbs=floors.get(path))
    except UnknownThresholdError as error:
        raise UnknownFactError(
            path="no floor",
            got=f"published for {pool.instance_type} over {path}",
            expected=f"one for pool {pool.pool_name}",
            remedy=f"pass the GB/s of bus bandwidth by nccom-test that it has to reach, by path ({path!r})",
        ) from error


def neuron_arguments(pool: PoolNodes) -> Sequence[str]:
    """Arguments of the launcher that only Trainium's has.

    Raises:
        UnknownFactError: no source states the type's logical NeuronCores, or which nodes NeuronLink joins.
    """
    arguments = [f"--logical-core-size={logical_core_size(pool)}"]
    kind = pool.ultraserver_type
    if kind is not None and joins_nodes(pool):
        counts: Sequence[int] = kind.require(
            "neuronlink_node_counts",
            instead=f"pass UltraServerType.of({str(kind)!r}, facts=UltraServerTypeFacts(neuronlink_node_counts=...))",
        )
        arguments.append(f"--joined={max(counts)}")
    return arguments
