"""Reading of a fleet: the groups of accelerator nodes that templates make, or name in their metadata about blocks."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.kubernetes.labels import POOL_LABEL
from ultrafleet.review.fleet import Fleet, Key, Pool, order_of
from ultrafleet.rules.schedule_tags import HOLD, SCHEDULE_TAG
from ultrafleet.templates.block_metadata import BLOCKS_PREFIX, BlockWindow, read_block_windows
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import NodeGroup, groups
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.template import Resource, Template, mapping
from ultrafleet.templates.unknown import Unknown, text_of

_POOL_TAG: Final = "ultrafleet:pool"
_RESERVATION: Final = re.compile(r"cr-[0-9a-f]{8,17}")


def fleet_of(revision: Revision, as_of: datetime, known: Sequence[Pool] = (), *, prices: PriceList = PUBLIC) -> Fleet:
    """The pools of a revision's templates, in the order of clusters and names.

    Args:
        revision: the templates.
        as_of: the moment from which blocks count.
        known: groups of an earlier revision, which say what a group is that no template makes any more. Default: none.
        prices: prices by which pools are counted. Default: the public ones.
    """
    stacks = {id(template): stack for stack, template in revision.stacks.items()}
    pools = [
        pool
        for stack, template in revision.stacks.items()
        for pool in _pools(template, stacks, revision.places.get(stack, ""))
    ]
    pools += [
        pool
        for stack, template in revision.stacks.items()
        for pool in _elsewhere(stack, template, [*pools, *known], revision.places.get(stack, ""))
    ]
    return Fleet(
        pools=tuple(sorted((replace(pool, prices=prices) for pool in pools), key=order_of)),
        as_of=as_of,
        strays=tuple(stray for stack, template in revision.stacks.items() for stray in _strays(stack, template, pools)),
    )


def _block_entries(template: Template) -> Iterator[tuple[str, Any]]:
    """Names of node groups in the metadata about blocks, and what is stated of them."""
    for key, entry in mapping(template.content.get("Metadata")).items():
        if str(key).startswith(BLOCKS_PREFIX):
            yield str(key).removeprefix(BLOCKS_PREFIX), mapping(entry).get("blocks")


def _elsewhere(stack: str, template: Template, pools: Sequence[Pool], place: str) -> Iterator[Pool]:
    """Groups that no template makes, and whose block metadata says so."""
    own = [pool for pool in pools if pool.key[0] == stack]
    for name, _ in _block_entries(template):
        windows = read_block_windows(template.content.get("Metadata"), name)
        named = tuple(window.capacity_reservation_id for window in windows)
        if not windows or not all(window.existing_node_group for window in windows):
            continue
        # Blocks of one stack are of one pool in this library: the others say what its nodes are.
        same = (pool for pool in own if pool.name == name)
        like = next(same, own[0] if own else _unknown(stack, name, place))
        sizes = [window.instances for window in windows if window.instances is not None]
        nodes = max(sizes) if sizes else like.nodes
        ultraserver, count = _ultraservers(like.instance_type, nodes)
        yield replace(
            like,
            key=(stack, f"{BLOCKS_PREFIX}{name}"),
            name=name,
            is_elsewhere=True,
            nodes=nodes,
            ultraservers=count,
            ultraserver_type=ultraserver,
            reservations=named,
            by_group=False,
            windows=windows,
        )


def _unknown(stack: str, name: str, place: str) -> Pool:
    """A group of which nothing but its blocks is known."""
    return Pool(
        key=(stack, name),
        name=name,
        pool_name=name,
        place=place,
        cluster=stack,
        instance_type_name="unknown",
        instance_type=None,
        nodes=None,
        ultraservers=0,
        ultraserver_type=None,
        on_blocks=True,
        reservations=(),
        by_group=False,
        windows=(),
        held=False,
        labels={},
        zone=None,
        subnets=(),
        launch_template=None,
        launch_version=None,
    )


def _strays(stack: str, template: Template, pools: Sequence[Pool]) -> Iterator[str]:
    """Metadata about blocks that says nothing: of no group here, or of blocks that can't be read."""
    own = [pool for pool in pools if pool.key[0] == stack]
    for name, blocks in _block_entries(template):
        pool = next((pool for pool in own if name in (pool.name, pool.key[1])), None)
        read = read_block_windows(template.content.get("Metadata"), name)
        if pool is None or not isinstance(blocks, list) or len(read) < len(blocks):
            yield f"{stack}: {BLOCKS_PREFIX}{name}"


def _pools(template: Template, stacks: Mapping[int, str], place: str) -> Iterator[Pool]:
    for group in groups(template):
        kinds = [kind for kind in group.types if kind.accelerator_count or kind.is_ultraserver_member]
        if kinds or (group.is_for_block and not group.types):
            yield _pool(group, kinds[0] if kinds else None, stacks, place)


def _pool(group: NodeGroup, kind: InstanceType | None, stacks: Mapping[int, str], place: str) -> Pool:
    template = group.template
    stack = stacks[id(template)]
    nodes = None if isinstance(group.max_size, Unknown) else as_int(group.max_size)
    ultraserver, count = _ultraservers(kind, nodes)
    named = [name for name in group.type_names if isinstance(name, str)]
    labels = group.resource.get("Labels")
    own_labels = {str(key): str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}
    zones = group.zones
    reservations = tuple(_reservations(template, group))
    subnets = [made for made in map(template.referred, group.subnets) if made is not None]
    return Pool(
        key=(stack, group.logical_id),
        name=group.name,
        pool_name=own_labels.get(POOL_LABEL, _pool_tag(group) or group.name),
        place=place,
        cluster=_cluster(stack, group),
        instance_type_name=str(kind) if kind else (named[0] if named else "unknown"),
        instance_type=kind,
        nodes=nodes,
        ultraservers=count,
        ultraserver_type=ultraserver,
        on_blocks=group.is_for_block,
        reservations=reservations,
        by_group=_group_of_reservations(template, group) is not None,
        windows=_windows(template, group, reservations),
        held=group.tag(SCHEDULE_TAG) == HOLD,
        labels=own_labels,
        zone=zones[0] if zones else None,
        subnets=tuple((stacks[id(made.template)], made.logical_id) for made in subnets),
        launch_template=_launch_key(group, stacks),
        launch_version=group.launch_version,
        size_parameter=group.max_size.parameter if isinstance(group.max_size, Unknown) else None,
    )


def _ultraservers(kind: InstanceType | None, nodes: int | None) -> tuple[UltraServerType | None, int]:
    """The largest UltraServer that the nodes are whole ones of."""
    if kind is None or not nodes:
        return None, 0
    counts = sorted(
        ((item.instance_count, item) for item in UltraServerType.with_members(kind) if item.instance_count),
        key=lambda pair: -pair[0],
    )
    for count, ultraserver in counts:
        if nodes % count == 0:
            return ultraserver, nodes // count
    return None, 0


def _pool_tag(group: NodeGroup) -> str | None:
    """Name of its pool by a tag: a self-managed pool's labels are in the user data."""
    named = group.tag(_POOL_TAG) if group.own_cluster is not None else None
    return named if isinstance(named, str) else None


def _cluster(stack: str, group: NodeGroup) -> str:
    if group.own_cluster is not None:
        return group.own_cluster
    stated = group.resource.get("ClusterName") or group.resource.get("ClusterId")
    return cluster_name(group.template, stated) or stack


def cluster_name(template: Template, stated: Any) -> str | None:  # noqa: ANN401 - JSON
    """Name of a cluster that a resource refers to."""
    if isinstance(stated, str):
        return stated
    cluster = template.referred(stated)
    if cluster is None:
        return None
    return text_of(cluster.get("Name")) if cluster.get("Name") is not None else cluster.logical_id


def _group_of_reservations(template: Template, group: NodeGroup) -> Resource | None:
    resource = template.referred(group.launch.reservation) if group.launch is not None else None
    return resource if resource is not None and resource.type == "AWS::ResourceGroups::Group" else None


def _reservations(template: Template, group: NodeGroup) -> Iterator[str]:
    target = group.launch.reservation if group.launch is not None else None
    holder = _group_of_reservations(template, group)
    if holder is not None:
        found = (_RESERVATION.search(text_of(member) or "") for member in holder.items("Resources"))
        yield from (match.group() for match in found if match)
    elif isinstance(target, str):
        yield target
    elif isinstance(target, Unknown):
        resource = template.referred(target)
        yield resource.logical_id if resource is not None else "(known at deployment)"


def _windows(template: Template, group: NodeGroup, reservations: Sequence[str]) -> tuple[BlockWindow, ...]:
    """Windows of its blocks: of those that it launches into, where they are known."""
    metadata = template.content.get("Metadata")
    stated = read_block_windows(metadata, group.name) or read_block_windows(metadata, group.logical_id)
    if not any(_RESERVATION.fullmatch(name) for name in reservations):
        return stated
    return tuple(window for window in stated if window.capacity_reservation_id in reservations)


def _launch_key(group: NodeGroup, stacks: Mapping[int, str]) -> Key | None:
    if group.launch is None:
        return None
    resource = group.launch.resource
    return (stacks[id(resource.template)], resource.logical_id)
