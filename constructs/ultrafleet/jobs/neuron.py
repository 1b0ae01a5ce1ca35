"""Trainium's part of a job: ranks, the runtime's variables, its scheduler, and its start on UltraServers."""

from collections.abc import Mapping, Sequence
from importlib.resources import files

from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.pool_nodes import PoolNodes

LNC_VARIABLE = "NEURON_LOGICAL_NC_CONFIG"
"""Physical NeuronCores of a logical one (AWS Neuron documentation, logical NeuronCore configuration, high)."""

SCHEDULER = "my-scheduler"
"""Scheduler that asks Neuron's extension, as its chart names it (aws-neuron/neuron-helm-charts @8172e5e, values.yaml,
scheduler.customScheduler.fullnameOverride, high)."""

_LNC_SIZES = (1, 2)
"""The only ones that Neuron supports, on Trn2 and Trn3 (AWS Neuron documentation, logical NeuronCore configuration,
high)."""


def processes_per_node(
    node: PoolNodes, env: Mapping[str, str] | None = None, *, accelerators: int | None = None
) -> int:
    """Processes of a node: one for each GPU, or for each logical NeuronCore.

    Args:
        node: node of the pool.
        env: the job's own environment; `NEURON_LOGICAL_NC_CONFIG` in it changes the number. Default: none.
        accelerators: accelerators that the job has of the node. Default: all.

    Raises:
        UnknownFactError: no source states how many NeuronCores the type has.
        FleetError: a size of logical NeuronCores that Neuron doesn't have on the type.
    """
    count = node.accelerators_per_node if accelerators is None else accelerators
    if node.instance_type.accelerator_kind != "neuron":
        return count
    cores = int(_core_fact(node, "neuron_cores_per_accelerator"))
    return count * cores // logical_core_size(node, env)


def logical_core_size(node: PoolNodes, env: Mapping[str, str] | None = None) -> int:
    """Physical NeuronCores of a logical one on a node: the type's default, or what the job's environment says.

    Raises:
        UnknownFactError: no source states the type's default.
        FleetError: a size that Neuron doesn't have on the type.
    """
    default = int(_core_fact(node, "logical_neuron_core_size"))
    stated = (env or {}).get(LNC_VARIABLE)
    if stated is None:
        return default
    allowed = _LNC_SIZES if default > 1 else (1,)
    if stated not in map(str, allowed):
        raise FleetError(
            path=LNC_VARIABLE,
            got=repr(stated),
            expected=f"{' or '.join(map(str, allowed))} on {node.instance_type}",
            remedy="correct it in the job's environment",
        )
    return int(stated)


def _core_fact(node: PoolNodes, name: str) -> int:
    instead = f"pass InstanceType.of({str(node.instance_type)!r}, facts=InstanceTypeFacts({name}=...))"
    return int(node.instance_type.require(name, instead=instead))


def neuron_environment(node: PoolNodes, *, network: bool = True) -> dict[str, str]:
    """Variables that Neuron documents for training; torch-neuronx and the runtime set all others.

    EFA: what Neuron's guide for several nodes asks for; its FI_EFA_FORK_SAFE is for kernels before 5.15, which no image
    of Amazon Linux 2023 has (AWS Neuron documentation, multi-node execution and runtime troubleshooting, high).

    Args:
        node: node of the pool.
        network: whether the pod has the node's EFA devices. Default: True.

    Raises:
        UnknownFactError: no source states the type's logical NeuronCores.
    """
    efa = {"FI_PROVIDER": "efa", "FI_EFA_USE_DEVICE_RDMA": "1"} if node.efa_interfaces and network else {}
    size = logical_core_size(node)
    # Said although it is the default: ranks are counted with it.
    return {**efa, **({LNC_VARIABLE: str(size)} if size > 1 else {})}


def check_part_of_node(node: PoolNodes, accelerators: int) -> None:
    """Refuse a number of accelerators of a node that no pod can have.

    Raises:
        UnknownFactError: no source states which numbers of chips Neuron's scheduler extension gives out on the type.
        FleetError: the extension gives out other numbers, or the node has fewer.
    """
    most = node.accelerators_per_node
    allowed: Sequence[int] = range(1, most + 1)
    if node.instance_type.accelerator_kind == "neuron" and accelerators not in (1, most):
        allowed = node.instance_type.require(
            "schedulable_accelerator_counts", instead=f"ask for 1 or all {most} chips of a node"
        )
    if accelerators not in allowed:
        numbers = f"1 to {most}" if isinstance(allowed, range) else f"one of {', '.join(map(str, allowed))}"
        raise FleetError(
            path="accelerators",
            got=accelerators,
            expected=f"{numbers} of a {node.instance_type}",
            remedy="pass another number: a pod has chips of one node, and of Trainium connected ones",
        )


def scheduler_of(node: PoolNodes, accelerators: int) -> str | None:
    """Scheduler of a pod with some of a node's accelerators; None for Kubernetes' own.

    A pod that has a whole node has all its chips, whoever places it. One that has a part needs chips that are
    connected, which the device plugin doesn't look for and Neuron's extension does; it notes those that are taken on
    the node, so pods of one chip go through it, too (AWS Neuron documentation, scheduler extension, high).
    """
    partly = node.instance_type.accelerator_kind == "neuron" and accelerators < node.accelerators_per_node
    return SCHEDULER if partly else None


def joins_nodes(node: PoolNodes) -> bool:
    """True if NeuronLink joins the pool's nodes, so that the runtime needs to know who is where."""
    return node.ultraserver_type is not None and node.instance_type.accelerator_kind == "neuron"


def ultraserver_command(
    node: PoolNodes, command: Sequence[str], *, host: str, nodes: int, ultraservers: int
) -> list[str]:
    """The command of a pod on a UltraServer of Trainium: who is where first, then the job's own.

    A job on whole UltraServers needs NeuronLink between all nodes of each; one on a few nodes has it where it is placed
    so that it can, and EFA between them where not.

    Args:
        node: node of the pool.
        command: the job's own command.
        host: name of a pod in the cluster, with {} for its number.
        nodes: pods of the job.
        ultraservers: UltraServers that it spans as a whole; 0 for some nodes of one.

    Raises:
        UnknownFactError: no source states how the driver distinguishes nodes of the UltraServer.
        FleetError: the job has no command.
    """
    kind = node.ultraserver_type
    if kind is None or not joins_nodes(node):
        return list(command)
    counts: Sequence[int] = kind.require(
        "neuronlink_node_counts",
        instead=f"pass UltraServerType.of({str(kind)!r}, facts=UltraServerTypeFacts(neuronlink_node_counts=...))",
    )
    if not command:
        raise FleetError(
            path="command",
            got="empty",
            expected=f"the program that each node of {kind} runs",
            remedy="pass it: the UltraServer's variables are set before it starts",
        )
    whole = bool(ultraservers) and nodes // ultraservers == max(counts)
    script = (files("ultrafleet.acceptance") / "neuron_ultraserver.py").read_text(encoding="utf-8")
    joined = [f"--joined={max(counts)}"] if whole else []
    return ["python3", "-u", "-c", script, f"--hosts={host}", f"--nodes={nodes}", *joined, "--", *command]
