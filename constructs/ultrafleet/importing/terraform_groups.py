"""Node groups and Auto Scaling groups of Terraform, with their launch templates and reservations."""

from collections.abc import Mapping, Sequence
from typing import Final

from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP
from ultrafleet.importing import groups
from ultrafleet.importing.draft import Draft, DraftPool, DraftSubnet, DraftSystem, SourceTemplate
from ultrafleet.importing.side_inputs import SideInputs
from ultrafleet.importing.source import Source
from ultrafleet.importing.terraform_capacity import CapacityReader
from ultrafleet.importing.terraform_resources import Resource, Resources
from ultrafleet.layout import Interface

_TYPES: Final = ("interface", "efa", "efa-only")


class GroupReader:
    """Reader of the groups.

    Args:
        draft: gets the pools, the system nodes and the lines.
        side: what the caller states.
        resources: every resource of the file.
        subnets: private subnets by their addresses.
    """

    def __init__(
        self, draft: Draft, side: SideInputs, resources: Resources, subnets: Mapping[str, DraftSubnet]
    ) -> None:
        self._draft = draft
        self._side = side
        self._resources = resources
        self._subnets = subnets
        self.used: set[str] = set()
        """Addresses of resources that became part of a pool."""

    def read(self, group: Resource) -> None:
        """Read one group.

        Args:
            group: a node group or an Auto Scaling group.
        """
        draft = self._draft
        values = group.values
        name = self._name(group)
        if name in self._side.without or group.address in self._side.without:
            draft.note(group.values.place, "left out, as --without says")
            return
        template = self._template(group)
        types = [text for text in values.get("instance_types").texts() if text]
        if template is not None:
            text = template.values.get("instance_type").text()
            types = types or ([text] if text else [])
        if not types:
            draft.refuse(
                values.place,
                "an instance type",
                "it isn't in the group, and its launch template isn't found: pass a plan with its configuration, or "
                f"leave the group out: --without {name}",
                got="without one",
            )
            return
        if not any(groups.is_accelerated(item) for item in types):
            self._system(group, types)
            return
        where = values.get("instance_types")
        if len(set(types)) > 1:
            draft.refuse(where, "one accelerated type", "a pool has one type: leave one", got=", ".join(types))
            return
        kind = groups.accelerated_type(draft, where or values.place, types[0], name)
        if kind is None:
            return
        pool = DraftPool(
            name=groups.pool_name(draft, values.place, name),
            place=values.place,
            instance_type=kind,
            purchase="on_demand",
        )
        CapacityReader(draft, self._resources, self.used).read(group, template, pool)
        self._size(group, pool)
        self._place(group, pool)
        self._node(group, template, pool)
        draft.pools.append(pool)

    def _name(self, group: Resource) -> str:
        for key in ("node_group_name", "node_group_name_prefix", "name", "name_prefix"):
            text = group.values.get(key).text()
            if text:
                return text.rstrip("-")
        return group.address.rsplit(".", maxsplit=1)[-1].replace("[", "-").replace("]", "").replace('"', "")

    def _template(self, group: Resource) -> Resource | None:
        """Launch template of a group: by its id or name, by the configuration, or by its place beside it."""
        candidates = self._resources.read_of("aws_launch_template")
        stated = group.block("launch_template")
        for key in ("id", "name"):
            text = stated.get(key).text()
            found = [item for item in candidates if text and item.values.get(key).value == text]
            if found:
                return found[0]
        found = self._resources.referred(group, "launch_template", candidates)
        if not found:
            beside = [item for item in candidates if item.module == group.module]
            name = group.local_name.partition(".")[2]
            found = [item for item in beside if item.local_name.partition(".")[2] == name and item.index == group.index]
            alone = len(self._resources.of("aws_eks_node_group", "aws_autoscaling_group")) == 1 or group.module
            if not found and len(beside) == 1 and alone:
                found = beside
        return found[0] if len(found) == 1 else None

    def _system(self, group: Resource, types: Sequence[str]) -> None:
        draft = self._draft
        if draft.system is not None:
            draft.note(
                group.values.place,
                "not carried over: an environment has one group of system nodes, here the first; raise "
                "cluster.system_nodes for what ran on it",
            )
            return
        least, most, desired = self._sizes(group)
        desired = least or 1 if desired is None else desired
        zones = {item.zone for item in self._own_subnets(group)}
        draft.system = DraftSystem(
            instance_types=tuple(types),
            min_size=min(least if least is not None else desired, desired),
            max_size=max(most or desired * groups.SYSTEM_FACTOR, desired, 1),
            desired_size=desired,
            zones=tuple(sorted(zones)),
        )

    def _sizes(self, group: Resource) -> tuple[int | None, int | None, int | None]:
        if group.type == "aws_autoscaling_group":
            keys = ("min_size", "max_size", "desired_capacity")
            return tuple(group.values.get(key).number() for key in keys)  # type: ignore[return-value]
        scaling = group.block("scaling_config")
        return tuple(scaling.get(key).number() for key in ("min_size", "max_size", "desired_size"))  # type: ignore[return-value]

    def _size(self, group: Resource, pool: DraftPool) -> None:
        draft = self._draft
        least, most, desired = self._sizes(group)
        stated = f"min {least}, max {most}, desired {desired}"
        if pool.purchase == "block":
            draft.note(
                f"{pool.place}: scaling_config",
                f"{stated}: not carried over: a pool on a block has the block's instances",
            )
            return
        size = desired or least or (most if most == least else None)
        if size:
            pool.nodes = size
            if {least, most, desired} - {size, None}:
                draft.note(
                    f"{pool.place}: scaling_config", f"{stated}: not carried over: a pool has a fixed size, here {size}"
                )
        else:
            pool.nodes_note = f"min_size {least}, max_size {most}, desired_size {desired} in {draft.file}"
            draft.note(f"{pool.place}: scaling_config", f"{stated}: not carried over: a pool has a fixed size")

    # Place.

    def _own_subnets(self, group: Resource) -> list[DraftSubnet]:
        """Subnets of a group: by their ids, by the configuration, or the only ones that there are."""
        argument = "vpc_zone_identifier" if group.type == "aws_autoscaling_group" else "subnet_ids"
        stated = set(group.values.get(argument).texts())
        by_id = [item for item in self._subnets.values() if item.subnet_id in stated]
        if stated:
            return by_id
        known = self._resources.read_of("aws_subnet")
        referred = self._resources.referred(group, argument, known)
        return [self._subnets[item.address] for item in referred if item.address in self._subnets]

    def _place(self, group: Resource, pool: DraftPool) -> None:
        draft = self._draft
        own = self._own_subnets(group)
        stated = group.values.get("subnet_ids").texts() or group.values.get("vpc_zone_identifier").texts()
        if not own and stated:
            pool.zone_remedy = f"that of {', '.join(stated[:6])}, which {draft.file} doesn't have"
        if not own and not stated:
            own = list(self._subnets.values())
            if len(own) == 1:
                draft.note(f"{pool.place}: subnet_ids", f"known after apply: the only private subnet, in {own[0].zone}")
        pool.subnets = tuple(own)
        if not pool.zones:
            pool.zones = tuple(dict.fromkeys(item.zone for item in own))

    # Nodes.

    def _node(self, group: Resource, template: Resource | None, pool: DraftPool) -> None:
        draft, values = self._draft, group.values
        pool.root_volume_gib = groups.root_volume(draft, values.get("disk_size"))
        pool.labels = groups.labels(draft, values.get("labels"))
        pool.tags = groups.tags(draft, values.get("tags"))
        for key, reason in _GROUP_REASONS.items():
            if values.get(key):
                draft.note(values.get(key), reason)
        if group.type == "aws_autoscaling_group":
            draft.note(pool.place, "self-managed nodes become a managed node group")
        if template is None:
            draft.note(pool.place, "its launch template isn't found in the file: that of the pool isn't compared")
            return
        volume = template.block("block_device_mappings", "ebs")
        size = groups.root_volume(draft, volume.get("volume_size"))
        pool.root_volume_gib = size or pool.root_volume_gib
        self._placement(template, pool)
        metadata = template.block("metadata_options")
        encrypted = volume.get("encrypted").flag()
        interfaces = [found for found in map(_interface, template.values.get("network_interfaces").items()) if found]
        pool.template = SourceTemplate(
            made_by=template.address,
            interfaces=tuple(sorted(interfaces)),
            market_type=template.block("instance_market_options").get("market_type").text() or "",
            reservation=pool.reservation_id or "",
            placement_group="group" if template.block("placement").get("group_name") else "",
            root_volume_gib=size,
            volume_type=volume.get("volume_type").text(),
            encrypted=encrypted,
            hop_limit=metadata.get("http_put_response_hop_limit").number(),
            tokens_required=(metadata.get("http_tokens").text() == "required") if metadata.get("http_tokens") else None,
            image=template.values.get("image_id").text() or "",
            key_name=template.values.get("key_name").text() or "",
            user_data=bool(template.values.get("user_data")),
        )

    def _placement(self, template: Resource, pool: DraftPool) -> None:
        placement = template.block("placement")
        group = placement.get("group_name")
        referred = self._resources.referred(template, "placement", self._resources.of("aws_placement_group"))
        if not group and not referred:
            return
        where = group or f"{template.values.place}: placement"
        if pool.purchase == "block":
            self._draft.note(
                where, f"not carried over: no placement group on a capacity block ({NO_PLACEMENT_GROUP.value})"
            )
        elif pool.purchase == "reservation":
            self._draft.note(
                where, "not carried over: if the reservation was made in it, placement_group_name names it"
            )
        else:
            pool.placement_group = True
            self._draft.note(where, "a cluster placement group is made here instead")


_GROUP_REASONS: Final = {
    "taint": "not carried over: a pool has the usual taint of its accelerator; node.taints states others instead",
    "ami_type": "nodes run EKS's Amazon Linux 2023 image for their accelerator",
    "remote_access": "not carried over: nodes take no SSH; cluster.ssm_sessions: true opens shells",
    "release_version": "not carried over: EKS's current image",
    "update_config": "not carried over: node.max_unavailable is 1",
    "node_repair_config": "node repair is on, by the library's rules for racks",
}


def _interface(source: Source) -> Interface | None:
    card, device = source.get("network_card_index").number() or 0, source.get("device_index").number() or 0
    kind = source.get("interface_type").text() or "interface"
    return Interface(card, device, kind) if kind in _TYPES and 0 <= card < 64 and 0 <= device < 64 else None  # noqa: PLR2004
