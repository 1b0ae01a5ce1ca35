"""Fleet as another tool's file describes it, before what the file doesn't have is added."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ultrafleet.catalog import InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.importing.side_inputs import BlockInput
from ultrafleet.importing.source import Source
from ultrafleet.layout import Interface


@dataclass(frozen=True, kw_only=True)
class SourceTemplate:
    """Launch template of the other tool, as far as it is known; None is not known.

    Attributes:
        made_by: tool whose algorithm or resource it is.
        interfaces: its network interfaces; empty where it states none.
        market_type: `capacity-block`, `spot`, or an empty text for neither.
        reservation: reservation or group that it targets; an empty text for none.
        placement_group: its placement group; an empty text for none.
        root_volume_gib: size of the root volume in GiB.
        volume_type: type of the root volume.
        encrypted: True if the root volume is encrypted.
        hop_limit: hop limit of the instance metadata's answers.
        tokens_required: True if the instance metadata takes IMDSv2 alone.
        image: image that it states; an empty text for none.
        key_name: SSH key; an empty text for none.
        user_data: True if it has user data of its own.
    """

    made_by: str
    interfaces: tuple[Interface, ...] | None = None
    market_type: str | None = None
    reservation: str | None = None
    placement_group: str | None = None
    root_volume_gib: int | None = None
    volume_type: str | None = None
    encrypted: bool | None = None
    hop_limit: int | None = None
    tokens_required: bool | None = None
    image: str | None = None
    key_name: str | None = None
    user_data: bool | None = None


@dataclass(frozen=True, kw_only=True)
class DraftSubnet:
    """Subnet that exists.

    Attributes:
        zone: its zone.
        cidr: its CIDR; None where it isn't known.
        subnet_id: its id; None where it isn't known.
        kind: what it is for here, where the source says it.
    """

    zone: str
    cidr: str | None = None
    subnet_id: str | None = None
    kind: Literal["control_plane", "system", "accelerator"] | None = None


@dataclass(kw_only=True)
class DraftPool:
    """Group of accelerated nodes.

    Attributes:
        name: its name here.
        place: where it is in the source.
        instance_type: type of its nodes.
        purchase: how its capacity is bought.
        reservation_id: reservation that it targets; None where the source names none.
        nodes: number of its nodes; None where it has to be asked, or follows from a block.
        nodes_note: comment beside that number.
        zones: zones that it can be in; empty where the source names none.
        subnets: subnets that it is in.
        zone_remedy: why its zone isn't known; empty where there is nothing to add.
        root_volume_gib: size of the root volume in GiB.
        labels: labels of its nodes.
        tags: tags of its nodes.
        kubelet_config: kubelet configuration of its nodes.
        own_node: further settings of its nodes, in the words of an environment file.
        max_pods: pods of a node.
        raid0: True where the source joins the local disks.
        placement_group: True for a cluster placement group.
        fabric: fabric, where the source states it.
        template: launch template of the other tool.
        reserved: instances of its reservation, where the source says how many.
        block: its capacity block, where the source has all of it.
        node_group: node group of a running cluster; None of a file.
        wants_block: what a block would be named by, where the source names none; None where a block isn't needed.
        is_refused: True if its capacity is of a kind that no pool has.
    """

    name: str
    place: str
    instance_type: InstanceType
    purchase: Literal["block", "reservation", "on_demand"]
    reservation_id: str | None = None
    nodes: int | None = None
    nodes_note: str | None = None
    zones: tuple[str, ...] = ()
    subnets: tuple[DraftSubnet, ...] = ()
    zone_remedy: str = ""
    root_volume_gib: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    kubelet_config: dict[str, object] = field(default_factory=dict)
    own_node: dict[str, Any] = field(default_factory=dict)
    max_pods: int | None = None
    raid0: bool | None = None
    placement_group: bool = False
    fabric: str | None = None
    template: SourceTemplate | None = None
    reserved: int | None = None
    block: BlockInput | None = None
    node_group: str | None = None
    wants_block: str | None = None
    is_refused: bool = False


@dataclass(frozen=True, kw_only=True)
class DraftSystem:
    """Group of ordinary nodes.

    Attributes:
        instance_types: their types.
        min_size: fewest nodes.
        max_size: most nodes.
        desired_size: nodes at the start.
        zones: zones that the source states; empty for all of the control plane.
    """

    instance_types: tuple[str, ...]
    min_size: int
    max_size: int
    desired_size: int
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DraftCluster:
    """Cluster and VPC that exist, with everything that an environment in them needs.

    Attributes:
        vpc_id: the VPC.
        cidrs: its CIDRs, the first before the others.
        security_group_id: security group that EKS made for the cluster.
        authentication_mode: authentication mode of the cluster.
        addons: managed add-ons of the cluster.
        kubernetes_version: version of the control plane.
    """

    vpc_id: str
    cidrs: tuple[str, ...]
    security_group_id: str | None
    authentication_mode: str | None
    addons: tuple[str, ...]
    kubernetes_version: str


@dataclass(kw_only=True)
class Draft:
    """Fleet of another tool's file.

    Attributes:
        tool: the tool, as it is called.
        file: name of the file.
        cluster_name: name of the cluster; None where the file states none.
        account: account; None where the file states none.
        region: region; None where the file states none.
        kubernetes_version: version of the control plane; None where the file states none.
        cidr: CIDR of the VPC; None where the file states none.
        zones: zones of the control plane; empty where the file states none.
        system: ordinary nodes; None where the file has none.
        upgrade_policy: support after the end of standard support.
        admin_role_arns: roles that administer the cluster.
        addons: managed add-ons besides the ones that every cluster gets.
        pools: accelerated nodes.
        subnets: subnets with a kind of their own, that exist.
        vpc_id: VPC that exists; None where the file names none.
        existing: cluster and VPC that exist; None where the source doesn't know all of them.
        notes: lines about what isn't carried over.
        faults: what can't be carried over.
    """

    tool: str
    file: str
    cluster_name: str | None = None
    account: str | None = None
    region: str | None = None
    kubernetes_version: str | None = None
    cidr: str | None = None
    zones: tuple[str, ...] = ()
    system: DraftSystem | None = None
    upgrade_policy: str | None = None
    admin_role_arns: list[str] = field(default_factory=list)
    addons: list[str] = field(default_factory=list)
    pools: list[DraftPool] = field(default_factory=list)
    subnets: list[DraftSubnet] = field(default_factory=list)
    vpc_id: str | None = None
    existing: DraftCluster | None = None
    notes: list[str] = field(default_factory=list)
    faults: list[FleetError] = field(default_factory=list)

    def note(self, source: Source | str, text: str) -> None:
        """Add a line about something that isn't carried over, or is carried over in another form.

        Args:
            source: the value, or its place.
            text: the rest of the line.
        """
        if isinstance(source, Source):
            source.read()
            self.notes.append(f"{source.place}: {source.shown}: {text}")
        else:
            self.notes.append(f"{source}: {text}")

    def stated(self, source: Source) -> str | None:
        """Text of a value that can be stated beside the file; a line where it isn't filled in.

        Args:
            source: the value.
        """
        if source.is_unfilled:
            self.note(source, "not filled in")
            return None
        return source.text()

    def note_unread(self, source: Source, reasons: "Reasons") -> None:
        """Add a line for each value that was never read.

        Args:
            source: the whole document.
            reasons: why it isn't carried over, by the end of a path.
        """
        for value in source.unread():
            self.note(value, reasons.of(value))

    def refuse(self, source: Source | str, expected: str, remedy: str, *, got: str | None = None) -> None:
        """Add something that can't be carried over.

        Args:
            source: the value, or its place.
            expected: what could be.
            remedy: the way out.
            got: the value. Default: that of the source.
        """
        if isinstance(source, Source):
            source.read()
            got = source.shown if got is None else got
            source = source.place
        self.faults.append(FleetError(path=source, got=got, expected=expected, remedy=remedy))

    def ask(self, path: str, expected: str, flag: str, *, got: str | None = None, verb: str = "is") -> None:
        """Add something that the file doesn't have.

        Args:
            path: what it would be in the environment.
            expected: values that it can have.
            flag: option that states it.
            got: what there is instead. Default: that it isn't in the file.
            verb: the word between them. Default: "is".
        """
        self.faults.append(
            FleetError(path=path, verb=verb, got=got or f"not in {self.file}", expected=expected, remedy=f"pass {flag}")
        )


@dataclass(frozen=True)
class Reasons:
    """Reasons why keys aren't carried over.

    Attributes:
        by_key: reason by the last key of a path, or by several joined with a dot.
        otherwise: reason of every other key.
    """

    by_key: dict[str, str]
    otherwise: str

    def of(self, source: Source) -> str:
        """Reason for a value: that of the longest part of its path, from within.

        Args:
            source: the value.
        """
        keys = [str(step) for step in source.path if isinstance(step, str)]
        for end in range(len(keys), 0, -1):
            for start in range(end):
                reason = self.by_key.get(".".join(keys[start:end]))
                if reason is not None:
                    return reason
        return self.otherwise
