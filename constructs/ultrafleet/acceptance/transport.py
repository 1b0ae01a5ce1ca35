"""Transport of a run: what NCCL's statements say of how data went between ranks. Standard library only."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ultrafleet.acceptance.runs import Run
from ultrafleet.acceptance.thresholds import NodeType

_GRACE_ADVICE = (
    "on GB200 and GB300 with the 580 driver check `grep GrdmaPciTopoCheckOverride /proc/driver/nvidia/params`, which "
    "must say 1"
)
_EFA_ADVICE = (
    "see whether the image has aws-ofi-nccl and pods ask for vpc.amazonaws.com/efa, or claim efa.networking.k8s.aws, "
    "and export LD_LIBRARY_PATH; " + _GRACE_ADVICE
)
_ROCE_ADVICE = (
    "see whether pods claim roce.networking.k8s.aws and have NCCL_NET_PLUGIN=none, NCCL_IB_HCA=rocep and "
    "NCCL_SOCKET_IFNAME=eth0"
)
_NVLINK_ADVICE = "see whether the job has a ComputeDomain, its IMEX daemons are ready and NCCL_MNNVL_ENABLE isn't 0"
_MNNVL_ADVICE = "set NCCL_MNNVL_ENABLE=0 and NCCL_NVLS_ENABLE=0 in the test of the network"
NETWORKS = {"efa": "EFA", "roce": "RoCE"}
"""Paths over a network between nodes, and their names."""


@dataclass(frozen=True)
class AcceptanceFinding:
    """Reason that a pool doesn't pass.

    Attributes:
        code: what it is about.
        message: got, expected, what to do.
    """

    code: str
    message: str


@dataclass(frozen=True)
class Channels:
    """Transports between hosts, and within one.

    Attributes:
        between: transports of channels whose ends are on two hosts.
        within: transports of channels whose ends are on one.
        unknown: transports of channels whose hosts aren't known.
    """

    between: frozenset[str]
    within: frozenset[str]
    unknown: frozenset[str]


def channels_of(run: Run) -> Channels:
    """Transports of a run's channels by where their ends are."""
    listed = {rank.number: rank.host for rank in run.ranks}
    hosts = listed if len(listed) == len(run.ranks) and listed else run.info.rank_hosts
    only = next(iter(run.hosts)) if len(run.hosts) == 1 and (run.ranks or run.info.rank_hosts) else None
    found: dict[str, set[str]] = {"between": set(), "within": set(), "unknown": set()}
    for (sender, receiver), transports in run.info.channels.items():
        ends = {hosts.get(sender, only), hosts.get(receiver, only)}
        place = "unknown" if None in ends else "between" if len(ends) > 1 else "within"
        found[place] |= transports
    return Channels(*(frozenset(found[place]) for place in ("between", "within", "unknown")))


def is_one_host(run: Run) -> bool | None:
    """True if all ranks are on one host, False if they aren't, None where the log doesn't show it."""
    info = run.info
    # NCCL compares hosts by more than their names; with MNNVL it counts nodes otherwise.
    if info.nodes == {1} and info.multi_node_nvlink == {0}:
        return True
    if run.ranks and run.largest_rank + 1 == len({rank.number for rank in run.ranks}):
        return len({rank.host for rank in run.ranks}) == 1
    if len(run.hosts) > 1 or any(nodes > 1 for nodes in info.nodes):
        return False
    if info.rank_hosts and info.communicator_ranks == {len(info.rank_hosts)}:
        return len(set(info.rank_hosts.values())) == 1
    return None


def transport_findings(run: Run, path: str, node: NodeType | None) -> Iterator[AcceptanceFinding]:
    """Reasons for which a run's transport isn't that of the path."""
    checks = {"nvlink": _nvlink, "efa": _efa, "roce": _roce, "node": _node}
    yield from checks[path](run, node)


def transport_notes(run: Run, path: str, node: NodeType | None) -> Iterator[str]:
    """Hints at a transport that is slower than it has to be, and what the log doesn't show of it."""
    info, channels = run.info, channels_of(run)
    if not info.names_transport:
        yield (
            "NCCL printed nothing about its transport, which is unknown: set NCCL_DEBUG=INFO"
            if info.seen
            else "NCCL printed nothing about itself, so the transport is unknown: set NCCL_DEBUG=INFO"
        )
    elif path != "node" and not info.channels:
        yield (
            "NCCL printed no channels, so what carried the data is known from its set-up alone: leave "
            "NCCL_DEBUG_SUBSYS unset"
        )
    if path == "efa" and info.without_gdr:
        yield (
            "channels without /GDRDMA go through the memory of the host, which costs bandwidth: see whether GPUDirect "
            "RDMA works with this driver and aws-ofi-nccl; " + _GRACE_ADVICE
        )
    elif path == "roce" and info.without_gdr:
        yield "channels without /GDRDMA go through the memory of the host, which costs bandwidth: " + _GRACE_ADVICE
    if path == "efa":
        yield from _interface_notes(run, node)
    sockets = sorted(name for name in {*info.initialized, *info.networks} if "socket" in name.lower())
    if sockets and path not in NETWORKS:
        yield (
            f"NCCL initialized the network {', '.join(sockets)}: EFA isn't there for what goes between racks; "
            + _EFA_ADVICE
        )
    elif sockets:
        advice = _EFA_ADVICE if path == "efa" else _ROCE_ADVICE
        yield f"some ranks initialized the network {', '.join(sockets)} beside {NETWORKS[path]}: {advice}"
    if path == "nvlink" and is_one_host(run):
        yield "all ranks are on one host, so NVLink between nodes wasn't tested"
    elif path == "node" and "SHM/direct" in channels.within:
        yield "some channels go through shared memory of the host"


def _interface_notes(run: Run, node: NodeType | None) -> Iterator[str]:
    nics = run.info.nics
    if not nics:
        return
    fewest = min(nics)
    expected = max(*nics, (node.efa_interfaces or 0) if node is not None else 0)
    accelerators = max(Counter(rank.host for rank in run.ranks).values(), default=0)
    if fewest < expected:
        where = ", ".join(sorted(nics[fewest])[:_SHOWN])
        yield (
            f"aws-ofi-nccl found {fewest} network interfaces on {where}, expected {expected}: see which EFA "
            "devices the pods have"
        )
    elif fewest == 1 and accelerators > 1:
        yield (
            f"aws-ofi-nccl found 1 network interface for {accelerators} accelerators: see how many EFA "
            "devices the pods have"
        )


_SHOWN = 4


_NAMES = {**NETWORKS, "nvlink": "NVLink between nodes"}


def _one_host(run: Run, path: str) -> AcceptanceFinding:
    host = ", ".join(sorted(run.hosts)[:_SHOWN]) or "it"
    return AcceptanceFinding(
        "one-host",
        f"all ranks are on one host ({host}), expected several: nothing went over {_NAMES[path]}; "
        "run on all nodes, or judge one node with --path node",
    )


def _multi_node_is_off(run: Run) -> bool:
    """True if NCCL says that it doesn't use NVLink between hosts."""
    info = run.info
    return 0 in info.multi_node_nvlink or (not info.multi_node_nvlink and info.multi_node_nvlink_asked == {0})


def _nvlink(run: Run, node: NodeType | None) -> Iterator[AcceptanceFinding]:
    one = is_one_host(run)
    if one and node is not None and node.multi_node_nvlink:
        yield _one_host(run, "nvlink")
    if one:
        return
    channels = channels_of(run)
    network = sorted(item for item in channels.between | channels.unknown if item.startswith("NET/"))
    if network:
        got = f"channels go through {', '.join(network)}, expected P2P/MNNVL between all nodes"
    elif _multi_node_is_off(run) and (one is False or (node is not None and node.multi_node_nvlink)):
        got = "NCCL says MNNVL 0, expected MNNVL 1"
    else:
        return
    yield AcceptanceFinding("not-nvlink", f"{got}: {_NVLINK_ADVICE}")


def _node(run: Run, node: NodeType | None) -> Iterator[AcceptanceFinding]:
    if is_one_host(run) is False:
        hosts = ", ".join(sorted(run.hosts)[:_SHOWN])
        yield AcceptanceFinding(
            "several-hosts",
            f"ranks are on several hosts ({hosts}), expected one: run on one node, or judge with another --path",
        )
        return
    channels = channels_of(run)
    has_nvlink = node is None or node.has_nvlink
    slow = sorted(
        item
        for item in channels.within | channels.unknown
        if item.startswith("NET/") or (has_nvlink and node is not None and item.startswith(("SHM", "direct shared")))
    )
    if slow:
        yield AcceptanceFinding(
            "not-nvlink",
            f"channels within the node go through {', '.join(slow)}, expected P2P: see `nvidia-smi topo -m` and "
            "`nvidia-smi nvlink --status` on the node",
        )


def _efa(run: Run, _node: NodeType | None) -> Iterator[AcceptanceFinding]:
    yield from _network(run, "efa", _is_libfabric, "AWS Libfabric with the provider efa", _EFA_ADVICE)


def _roce(run: Run, _node: NodeType | None) -> Iterator[AcceptanceFinding]:
    yield from _network(run, "roce", _is_verbs, "IB, NCCL's own verbs, over the devices rocep", _ROCE_ADVICE)


def _network(
    run: Run, path: str, is_right: Callable[[str], bool], expected: str, advice: str
) -> Iterator[AcceptanceFinding]:
    """Reasons for which a run's data didn't go over a network between nodes."""
    info, code = run.info, f"not-{path}"
    if is_one_host(run):
        yield _one_host(run, path)
    channels = channels_of(run)
    multi_node = "P2P/MNNVL" in channels.between | channels.unknown
    if multi_node or (1 in info.multi_node_nvlink and not is_one_host(run)):
        got = "channels between hosts go through P2P/MNNVL" if multi_node else "NCCL says MNNVL 1"
        yield AcceptanceFinding(code, f"{got}, expected no NVLink between hosts: {_MNNVL_ADVICE}")

    def is_wrong(transport: str) -> bool:
        return transport.startswith("NET/") and not is_right(transport)

    wrong = {*_wrong_networks(run, is_right), *filter(is_wrong, channels.between | channels.unknown)}
    if path == "efa":
        wrong |= {f"the provider {name}" for name in info.providers if not name.startswith("efa")}
    if wrong:
        yield AcceptanceFinding(code, f"NCCL goes through {', '.join(sorted(wrong))}, expected {expected}: {advice}")
    elif info.channels and not is_one_host(run) and not any(map(is_right, info.transports)):
        got = ", ".join(sorted(channels.between or channels.unknown | channels.within))
        name = "NET/AWS Libfabric" if path == "efa" else "NET/IB"
        yield AcceptanceFinding(code, f"channels go through {got} alone, expected {name} between hosts: {advice}")


def _is_libfabric(name: str) -> bool:
    """True if a network or transport is aws-ofi-nccl's."""
    return "libfabric" in name.lower() or "ofi" in name.lower()


def _is_verbs(name: str) -> bool:
    """True if a network or transport is NCCL's own of InfiniBand and RoCE."""
    return name == "IB" or name.startswith(("IB/", "NET/IB"))


def _wrong_networks(run: Run, is_right: Callable[[str], bool]) -> Iterator[str]:
    """Networks in use other than the right one."""
    info = run.info
    yield from (name for name in info.networks if not is_right(name))
    on_it = {
        process
        for name, said in [*info.networks.items(), *info.initialized.items()]
        if is_right(name)
        for process in said
    }
    for name, processes in info.initialized.items():
        alone = processes - on_it
        if not is_right(name) and alone and (not on_it or "socket" in name.lower()) and not _on(run, alone, is_right):
            yield f"{name} (alone on {', '.join(sorted(alone)[:_SHOWN])})"


def _on(run: Run, processes: set[str], is_right: Callable[[str], bool]) -> bool:
    """True if channels show that the network carries what goes between hosts, whatever processes initialized."""
    between = channels_of(run).between
    hosts = {process.partition(":")[0] for process in processes}
    network = {item for item in between if item.startswith("NET/")}
    return bool(hosts and network) and all(is_right(item) for item in network)
