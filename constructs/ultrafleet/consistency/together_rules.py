"""Pods that work together on several nodes: whole nodes, and programs that count them as they are."""

import re
from collections.abc import Iterator, Mapping

from ultrafleet.consistency.content import Content
from ultrafleet.consistency.pods import LWS_NAME_LABEL, PodUse
from ultrafleet.errors import FleetError
from ultrafleet.jobs.neuron import processes_per_node
from ultrafleet.kubernetes.pool_nodes import PoolNodes

_NODES = re.compile(r"--nnodes[= ]([0-9]{1,6})(?::([0-9]{1,6}))?(?![\w:.$])")
_PROCESSES = re.compile(r"--nproc[-_]per[-_]node[= ]([0-9]{1,6})(?![\w:.$])")
_VARIABLE = re.compile(r"\$\((\w+)\)|\$\{(\w+)\}|\$(\w+)")
_NODES_VARIABLES = ("PET_NNODES", "NNODES")
"""Variables of torchrun, and the one that launch scripts pass to it."""

_PROCESSES_VARIABLE = "PET_NPROC_PER_NODE"


def whole_nodes(content: Content) -> Iterator[str]:
    """Pods that work together on nodes that NVLink joins have all accelerators of their nodes."""
    for pod in content.pods:
        pools = content.pools_of(pod)
        if pod.together <= 1 or not all(pool.has_multi_node_nvlink for pool in pools):
            continue
        for pool in pools:
            asked = pod.requests(pool.accelerator_resource)
            if 0 < asked < pool.accelerators_per_node:
                yield (
                    f"a pod of {pod.owner} asks for {asked} of {pool.accelerators_per_node} "
                    f"{pool.accelerator_resource} beside {pod.together - 1} others, expected all of a node of pool "
                    f"{pool.pool_name}: its network and its way to the other nodes are one pod's"
                )


def counts(content: Content) -> Iterator[str]:
    """Numbers of nodes and of processes in commands and variables are those of the pods."""
    for pod in content.pods:
        if not pod.accelerators:
            continue
        text = _program(pod)
        for said, least, most in _said_nodes(pod, text):
            if not any(least <= number <= most for number in _numbers(pod)):
                yield (
                    f"{pod.owner} is started with {said} and has {pod.together} pods that work together, expected "
                    f"{pod.together}: the others wait, or are left out"
                )
        yield from _processes(pod, text, content.pools_of(pod))


def _numbers(pod: PodUse) -> set[int]:
    """Numbers of nodes that a program may be started with: of its whole job, or of its part of it."""
    return {pod.together} if LWS_NAME_LABEL in pod.labels or pod.count is None else {pod.together, pod.count}


def _processes(pod: PodUse, text: str, pools: list[PoolNodes]) -> Iterator[str]:
    said = [(match[0], int(match[1])) for match in _PROCESSES.finditer(text)]
    variable = pod.environment.get(_PROCESSES_VARIABLE, "")
    if variable.isdecimal():
        said.append((f"{_PROCESSES_VARIABLE}={variable}", int(variable)))
    most = max((_most_processes(pool, pod) for pool in pools), default=None)
    for words, number in said:
        if most is not None and number > most:
            yield (
                f"a pod of {pod.owner} is started with {words} and has {pod.accelerators} accelerators, expected "
                f"at most {most}: the other processes find no device"
            )


def _most_processes(pool: PoolNodes, pod: PodUse) -> int:
    try:
        return processes_per_node(pool, pod.environment, accelerators=pod.accelerators)
    except FleetError:  # of a type whose cores no source states
        return 10**6


def _said_nodes(pod: PodUse, text: str) -> Iterator[tuple[str, int, int]]:
    """Numbers of nodes in a pod's commands and variables: the words, the least, the most."""
    for match in _NODES.finditer(text):
        yield match[0], int(match[1]), int(match[2] or match[1])
    for name in _NODES_VARIABLES:
        value = pod.environment.get(name, "")
        least, _, most = value.partition(":")
        if least.isdecimal() and (most or least).isdecimal():
            yield f"{name}={value}", int(least), int(most or least)


def _program(pod: PodUse) -> str:
    """Commands and arguments of a pod's containers, with the values of variables that are stated."""
    words = [
        word
        for container in pod.spec.get("containers", [])
        for word in (*container.get("command", []), *container.get("args", []))
    ]
    return _VARIABLE.sub(lambda match: _value(match, pod.environment), " ".join(map(str, words)))


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    return environment.get(match[1] or match[2] or match[3], match[0])
