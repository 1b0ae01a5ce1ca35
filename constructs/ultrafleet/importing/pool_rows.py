"""Pools of an environment file, their reservations, and the subnets that they need."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Final

from ultrafleet.catalog import PurchaseOption, UltraServerType
from ultrafleet.catalog.prices import price
from ultrafleet.importing.draft import Draft, DraftPool
from ultrafleet.importing.plan import WantedSubnet, subnet_name
from ultrafleet.importing.side_inputs import BlockInput, SideInputs, of_pool
from ultrafleet.rules.ip_budget import PoolIpDemand
from ultrafleet.rules.zones import is_zone, region_of_zone

_DEFAULT_MAX_PODS: Final = 64


class PoolRows:
    """Pools in the words of an environment file; what they lack is asked for.

    Args:
        draft: what the source describes; gets the lines and the questions.
        side: what the caller states.
        region: the region, where it is known.
    """

    def __init__(self, draft: Draft, side: SideInputs, region: str | None) -> None:
        self._draft = draft
        self._side = side
        self._region = region
        self.rows: list[dict[str, Any]] = []
        """Pools."""
        self.reservations: list[dict[str, Any]] = []
        """On-demand reservations."""
        self.subnets: dict[str, WantedSubnet] = {}
        """Subnets of the pools, by name."""
        self.comments: dict[tuple[str | int, ...], str] = {}
        """Comments beside keys, by their paths."""

    def read(self) -> None:
        """Make the pools."""
        for pool in self._draft.pools:
            workload = of_pool(self._side.workloads, pool.name)
            if workload is None:
                self._draft.ask(
                    f"pools: {pool.name}: workload",
                    "training or inference",
                    f"--workload training, or --workload {pool.name}=training",
                )
            common = {"workload": workload, "zone": self._zone(pool), "fabric": self._fabric(pool)}
            blocks = self._blocks(pool)
            if pool.instance_type.is_ultraserver_member:
                self.rows.extend(self._ultraservers(pool, blocks, common))
            else:
                self.rows.append(self._accelerators(pool, blocks, common))

    def _accelerators(self, pool: DraftPool, blocks: list[BlockInput], common: dict[str, str | None]) -> dict[str, Any]:
        nodes = self._nodes(pool, blocks)
        row: dict[str, Any] = {"name": pool.name, "kind": "accelerator", "workload": common["workload"]}
        row["instance_type"] = str(pool.instance_type)
        if nodes is not None:
            row["nodes"] = nodes
            self.comments["pools", len(self.rows), "nodes"] = self._nodes_comment(pool)
        at_most = nodes or sum(block.instance_count for block in blocks) or 1
        row["subnet"] = self._subnet(pool, common["zone"], at_most)
        if common["fabric"] is not None:
            row["fabric"] = common["fabric"]
        if pool.purchase == "reservation":
            row["capacity_reservation"] = pool.name
            self._reserve(pool, nodes, common["zone"])
        if pool.placement_group:
            row["placement_group"] = "cluster"
        return {**row, **_node(pool), **self._block_rows(pool, blocks, common["zone"], counted=True)}

    def _ultraservers(
        self, pool: DraftPool, blocks: list[BlockInput], common: dict[str, str | None]
    ) -> Iterator[dict[str, Any]]:
        """One pool for each block: a block is one UltraServer."""
        sizes = {
            item.instance_count: item
            for item in UltraServerType.all()
            if item.instance_type is not None and str(item.instance_type) == str(pool.instance_type)
        }
        for number, block in enumerate(blocks, 1):
            ultraserver = sizes.get(block.instance_count)
            if ultraserver is None:
                whole = " or ".join(f"{count} ({item})" for count, item in sorted(sizes.items(), key=str))
                self._draft.refuse(
                    f"--block {block.capacity_reservation_id}",
                    f"a whole UltraServer: {whole}",
                    "pass the block's TotalInstanceCount; each UltraServer is a block of its own",
                    got=f"{block.instance_count} instances of {pool.instance_type}",
                )
                continue
            name = pool.name if len(blocks) == 1 else f"{pool.name}-{number}"
            row: dict[str, Any] = {"name": name, "kind": "ultraserver", "workload": common["workload"]}
            row["ultraserver_type"] = str(ultraserver)
            row["subnet"] = self._subnet(pool, common["zone"], block.instance_count, name=name)
            if common["fabric"] is not None:
                row["fabric"] = common["fabric"]
            yield {**row, **_node(pool), **self._block_rows(pool, [block], common["zone"], counted=False)}
        if len(blocks) > 1:
            self._draft.note(
                pool.place,
                f"{len(blocks)} blocks: a pool each, since an UltraServer is the unit that fails and is replaced",
            )

    def _nodes(self, pool: DraftPool, blocks: list[BlockInput]) -> int | None:
        if pool.purchase == "block":
            return blocks[0].instance_count if len(blocks) == 1 else None
        nodes = of_pool(self._side.nodes, pool.name) or pool.nodes or pool.reserved
        if nodes is None:
            self._draft.ask(
                f"pools: {pool.name}: nodes",
                "a number; a pool on demand or on a reservation runs all of them from the start",
                f"--nodes 4, or --nodes {pool.name}=4",
                got=pool.nodes_note,
            )
        elif pool.purchase == "on_demand" and not pool.is_refused:
            self._note_price(pool, nodes)
        return nodes

    def _nodes_comment(self, pool: DraftPool) -> str:
        if pool.purchase == "block":
            return "all that the block holds; the schedule starts and drains them"
        if of_pool(self._side.nodes, pool.name) is not None or pool.nodes_note is None:
            return "all of them run, and are paid, from the start"
        return f"{pool.nodes_note}: all of them run, and are paid, from the start"

    def _note_price(self, pool: DraftPool, nodes: int) -> None:
        fact = price(pool.instance_type, PurchaseOption.ON_DEMAND, self._region)
        cost = f"no public on-demand price in {self._region} is known"
        if fact.value is not None:
            cost = f"{nodes} at USD {fact.value:,.2f} are USD {nodes * fact.value:,.2f} an hour (price of {fact.as_of})"
        self._draft.note(pool.place, f"pool {pool.name} runs {nodes} nodes on demand, paid from the start: {cost}")

    def _reserve(self, pool: DraftPool, nodes: int | None, zone: str | None) -> None:
        row: dict[str, Any] = {"name": pool.name}
        if pool.reservation_id is not None:
            row["capacity_reservation_id"] = pool.reservation_id
        row["instance_type"] = str(pool.instance_type)
        row["instance_count"] = pool.reserved or nodes
        row["availability_zone"] = zone
        if pool.reserved is None:
            stated = f"not in {self._draft.file}; see `aws ec2 describe-capacity-reservations`"
            self.comments["capacity_reservations", len(self.reservations)] = (
                f"instance_count: the pool's nodes, {stated}"
            )
            if pool.reservation_id is not None and nodes is not None:
                self._draft.note(
                    f"capacity_reservations: {pool.name}: instance_count",
                    f"{nodes}, the pool's nodes: how many {pool.reservation_id} holds is {stated}",
                )
        self.reservations.append(row)

    def _blocks(self, pool: DraftPool) -> list[BlockInput]:
        found = self._side.blocks_of(pool.name)
        if pool.purchase != "block":
            for block in found:
                self._draft.refuse(
                    f"--block {block.capacity_reservation_id}",
                    "a pool on a block",
                    "leave it out, or set the market type capacity-block in the file",
                    got=f"for {pool.name}, which isn't on a capacity block",
                )
            return []
        known = self._side.block(pool.reservation_id) if pool.reservation_id is not None else None
        known = known or (pool.block if not found else None)
        if known is not None and known not in found:
            found = [known, *found]
        if found:
            return found
        if pool.reservation_id is not None:
            self._draft.ask(
                f"pools: {pool.name}: instance_count, start and end of block {pool.reservation_id}",
                f"those of `aws ec2 describe-capacity-reservations --capacity-reservation-ids {pool.reservation_id}`",
                f"--block {pool.reservation_id}:COUNT:START:END",
                verb="are",
            )
        else:
            self._draft.ask(
                f"pools: {pool.name}: the blocks",
                "the reservation of each, with its instance_count, start and end, from "
                "`aws ec2 describe-capacity-reservations`",
                f"--block {pool.name}=cr-…:COUNT:START:END, once for each",
                got=pool.wants_block,
                verb="are",
            )
        return []

    def _block_rows(
        self, pool: DraftPool, blocks: list[BlockInput], zone: str | None, *, counted: bool
    ) -> dict[str, Any]:
        """Blocks; in a cluster that goes on, those whose node group runs already keep it."""
        rows: list[dict[str, Any]] = []
        for block in blocks:
            row: dict[str, Any] = {
                "capacity_reservation_id": block.capacity_reservation_id,
                "availability_zone": zone,
                **({"instance_count": block.instance_count} if counted else {}),
                "start": block.start,
                "end": block.end,
            }
            if self._side.adopt and pool.node_group and block.capacity_reservation_id == pool.reservation_id:
                row["existing_node_group"] = pool.node_group
            rows.append(row)
        return {"blocks": rows} if rows else {}

    def _zone(self, pool: DraftPool) -> str | None:
        own = self._side.zones.get(pool.name, ())
        unnamed = self._side.zones.get("", ())
        known = pool.zones
        zone = own[0] if own else known[0] if len(known) == 1 else None
        if zone is None:
            zone = next((item for item in unnamed if not known or item in known), None)
        if zone is None:
            example = known[-1] if known else "ZONE"
            self._draft.ask(
                f"pools: {pool.name}: availability_zone",
                f"one of {', '.join(known)}, where its capacity is" if known else "the zone in which its capacity is",
                f"--zone {example}, or --zone {pool.name}={example}",
                got=pool.zone_remedy or None,
            )
            return None
        if not is_zone(zone):
            return None  # refused with the options
        if self._region is not None and region_of_zone(zone) != self._region:
            if zone in known:
                self._draft.refuse(
                    f"the zone of {pool.name}", f"a zone of {self._region}", "correct the file", got=zone
                )
            return None
        return zone

    def _fabric(self, pool: DraftPool) -> str | None:
        fabrics = pool.instance_type.fabrics
        stated = of_pool(self._side.fabrics, pool.name) or pool.fabric
        if len(fabrics) < 2:  # noqa: PLR2004 - a choice
            return None
        if stated is None:
            self._draft.ask(
                f"pools: {pool.name}: fabric",
                f"{' or '.join(fabrics)}: {pool.instance_type} is sold with either",
                f"--fabric {pool.name}=efa",
            )
        return stated

    def _adopted(self, pool: DraftPool, zone: str) -> tuple[str | None, str | None]:
        """CIDR and id of the pool's subnet in a zone: the one in which its nodes are now."""
        own = sorted((item.subnet_id or "", item.cidr or "") for item in pool.subnets if item.zone == zone)
        if not own:
            return None, None
        if len(own) > 1:
            listed = ", ".join(name for name, _ in own[1:])
            self._draft.note(pool.place, f"{own[0][0]} of several subnets in {zone}; not {listed}")
        return own[0][1], own[0][0]

    def _own_cidr(self, pool: DraftPool, zone: str) -> str | None:
        """CIDR of the pool's subnet that exists, if the new VPC can have one like it."""
        own = {item.cidr for item in pool.subnets if item.zone == zone and item.cidr is not None}
        cidr = own.pop() if len(own) == 1 else None
        stated = self._side.cidr or self._draft.cidr
        if cidr is None or stated is None:
            return cidr
        try:
            inside = ip_network(cidr).subnet_of(ip_network(stated))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            inside = False
        if not inside:
            self._draft.note(f"{pool.place}: {cidr}", f"not carried over: it isn't part of {stated}")
        return cidr if inside else None

    def _subnet(self, pool: DraftPool, zone: str | None, nodes: int, name: str | None = None) -> str:
        """Name of the pool's subnet; pools of one zone share one, unless they have theirs."""
        if zone is None:
            return ""
        cidr, subnet_id = self._adopted(pool, zone) if self._side.adopt else (self._own_cidr(pool, zone), None)
        demand = PoolIpDemand.of(
            pool_name=name or pool.name,
            nodes=nodes,
            instance_type=pool.instance_type,
            ip_interfaces=1,
            max_pods=pool.max_pods or _DEFAULT_MAX_PODS,
        )
        on_blocks = frozenset({demand.pool_name} if pool.purchase == "block" else ())
        for subnet, wanted in self.subnets.items():
            if (wanted.zone, wanted.cidr) == (zone, cidr):
                self.subnets[subnet] = replace(
                    wanted, demands=(*wanted.demands, demand), on_blocks=wanted.on_blocks | on_blocks
                )
                return subnet
        found = subnet_name("accel", zone, list(self.subnets))
        self.subnets[found] = WantedSubnet(
            zone=zone, cidr=cidr, demands=(demand,), on_blocks=on_blocks, subnet_id=subnet_id
        )
        return found


def _node(pool: DraftPool) -> dict[str, Any]:
    stated = {
        "root_volume_gib": pool.root_volume_gib,
        "raid0_instance_store": pool.raid0,
        "max_pods": pool.max_pods,
        "labels": pool.labels or None,
        "tags": pool.tags or None,
        "kubelet_config": pool.kubelet_config or None,
        **pool.own_node,
    }
    node = {key: value for key, value in stated.items() if value is not None}
    return {"node": node} if node else {}
