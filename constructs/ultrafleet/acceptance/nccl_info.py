"""Statements of NCCL in a log: network, provider, channels, communicators, warnings. Standard library only."""

import re
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ultrafleet.acceptance.fragments import NcclLine

_VERSION = re.compile(r"NCCL version ([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}[\w+.-]{0,40})")
_NETWORK = re.compile(r"(?:Using network|Assigned NET plugin) (.{1,80}?)(?: to comm)?$")
_INITIALIZED = re.compile(r"Initialized NET plugin (.{1,80})$")
_PROVIDER = re.compile(r"NET/OFI Selected [Pp]rovider is ([^\s,*()]{1,80})")
_NICS = re.compile(r"\(found ([0-9]{1,5}) nics?\)")
_CHANNEL = re.compile(
    r"(?:Channel|Ring) [0-9]{1,4}(?:/[0-9]{1,4})? : ([0-9]{1,7})(?:\[\w{1,20}\])? -> ([0-9]{1,7})(?:\[\w{1,20}\])?"
    r"(?: \[(?:send|receive)\])? via (.{1,200})$"
)
_COMMUNICATOR = re.compile(
    r"comm \S{1,40} rank ([0-9]{1,7}) n[rR]anks ([0-9]{1,7})"
    r"(?: nNodes ([0-9]{1,7}) localRanks [0-9]{1,7} localRank [0-9]{1,7} MNNVL ([01]))?"
)
_MNNVL_ENABLE = re.compile(r"NCCL_MNNVL_ENABLE set by environment to (-?[0-9]{1,4})")
_NO_GDR = re.compile(r"GPU Direct RDMA Disabled|GPUDirect RDMA (?:is )?(?:disabled|not supported)", re.IGNORECASE)
_DEVICE = re.compile(r"/[0-9]{1,5}(?:\([0-9]{1,7}\))?(?=/|\(|$).*")

_Value = TypeVar("_Value", int, str)

_MOST: Final = 4096
_MOST_CHANNELS: Final = 100_000
_MOST_WARNINGS: Final = 8
_TEXT: Final = 300


@dataclass
class NcclInfo:
    """Statements of NCCL during one run.

    Attributes:
        seen: True if NCCL printed anything.
        version: version of NCCL, where it was printed.
        networks: networks in use ("AWS Libfabric", "Socket", ...) -> processes that said so.
        initialized: networks that were initialized, perhaps as one of several -> processes that said so.
        providers: libfabric providers that aws-ofi-nccl selected ("efa", "tcp;ofi_rxm", ...).
        nics: numbers of network interfaces that aws-ofi-nccl found -> hosts.
        channels: sender and receiver -> transports, without the number of the device ("NET/AWS Libfabric", ...).
        transports: transports with their devices, as printed.
        communicator_ranks: ranks of the communicators.
        nodes: numbers of nodes of the communicators.
        multi_node_nvlink: values of MNNVL, 0 and 1.
        multi_node_nvlink_asked: values of the variable NCCL_MNNVL_ENABLE.
        rank_hosts: rank -> host.
        hosts: hosts that printed.
        warnings: warnings, each once, as printed.
        without_gdr: True if a channel goes through the memory of the host, or NCCL says that GPUDirect RDMA is off.
    """

    seen: bool = False
    version: str | None = None
    networks: dict[str, set[str]] = field(default_factory=dict)
    initialized: dict[str, set[str]] = field(default_factory=dict)
    providers: set[str] = field(default_factory=set)
    nics: dict[int, set[str]] = field(default_factory=dict)
    channels: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    transports: set[str] = field(default_factory=set)
    communicator_ranks: set[int] = field(default_factory=set)
    nodes: set[int] = field(default_factory=set)
    multi_node_nvlink: set[int] = field(default_factory=set)
    multi_node_nvlink_asked: set[int] = field(default_factory=set)
    rank_hosts: dict[int, str] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    without_gdr: bool = False

    @property
    def names_transport(self) -> bool:
        """True if anything tells how data goes between ranks."""
        said = self.networks or self.initialized or self.providers or self.channels or self.nodes
        return bool(said or self.multi_node_nvlink or self.multi_node_nvlink_asked)

    def take(self, line: NcclLine) -> None:
        """Read one line."""
        if line.level == "version":
            if found := _VERSION.search(line.text):
                self.version = found.group(1)
            return
        self.seen = True
        if line.host:
            _add(self.hosts, line.host)
        if line.level == "WARN":
            self._warn(line.text)
        if " via " in line.text:
            self._channel(line.text)
        elif "comm " in line.text:
            self._communicator(line)
        elif "NET" in line.text or "network" in line.text:
            self._network(line)
        self._settings(line)

    def _settings(self, line: NcclLine) -> None:
        if "MNNVL_ENABLE" in line.text and (asked := _MNNVL_ENABLE.search(line.text)):
            _add(self.multi_node_nvlink_asked, int(asked.group(1)))
        if "irect RDMA" in line.text and _NO_GDR.search(line.text):
            self.without_gdr = True
        if "NCCL version" in line.text and (version := _VERSION.search(line.text)):
            self.version = version.group(1)

    def _warn(self, text: str) -> None:
        short = text[:_TEXT]
        if short and short not in self.warnings and len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(short)

    def _channel(self, text: str) -> None:
        found = _CHANNEL.search(text)
        if found is None:
            return
        transport = found.group(3).partition(" comm ")[0].strip()
        ends = (int(found.group(1)), int(found.group(2)))
        if ends in self.channels or len(self.channels) < _MOST_CHANNELS:
            _add(self.channels.setdefault(ends, set()), _DEVICE.sub("", transport))
        _add(self.transports, transport)
        if transport.startswith("NET/") and "/GDRDMA" not in transport:
            self.without_gdr = True

    def _communicator(self, line: NcclLine) -> None:
        if "NET plugin" in line.text:
            self._network(line)
        found = _COMMUNICATOR.search(line.text)
        if found is None:
            return
        rank, ranks, nodes, multi_node = found.groups()
        _add(self.communicator_ranks, int(ranks))
        if line.host and len(self.rank_hosts) < _MOST_CHANNELS:
            self.rank_hosts.setdefault(int(rank), line.host)
        if nodes is not None:
            _add(self.nodes, int(nodes))
            self.multi_node_nvlink.add(int(multi_node))

    def _network(self, line: NcclLine) -> None:
        if network := _NETWORK.search(line.text):
            _add_to(self.networks, network.group(1).strip(), line.process)
        elif initialized := _INITIALIZED.search(line.text):
            _add_to(self.initialized, initialized.group(1).strip(), line.process)
        elif provider := _PROVIDER.search(line.text):
            _add(self.providers, provider.group(1))
            if nics := _NICS.search(line.text):
                _add_to(self.nics, int(nics.group(1)), line.host)


def _add(values: set[_Value], value: _Value) -> None:
    """Add a value to a set of bounded size."""
    if len(values) < _MOST:
        values.add(value)


def _add_to(values: dict[_Value, set[str]], key: _Value, value: str) -> None:
    """Add a value to a key's in a mapping of bounded size."""
    if key in values or len(values) < _MOST:
        _add(values.setdefault(key, set()), value)
