"""Node groups of eksctl's ClusterConfig, managed and self-managed."""

from collections.abc import Mapping, Sequence
from typing import Final

from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP, CapacityBlockRules
from ultrafleet.importing import groups
from ultrafleet.importing.draft import Draft, DraftPool, DraftSubnet, DraftSystem, SourceTemplate
from ultrafleet.importing.eksctl_nodes import NodeReader
from ultrafleet.importing.side_inputs import SideInputs
from ultrafleet.importing.source import Source
from ultrafleet.rules.zones import is_zone

_DEFAULT_VOLUME_GIB: Final = 80
"""eksctl's default of `volumeSize` (its schema, high)."""


class GroupReader:
    """Reader of the node groups.

    Args:
        draft: gets the pools, the system nodes and the lines.
        side: what the caller states.
        subnets: private subnets of the file that exist, by name and by id.
    """

    def __init__(self, draft: Draft, side: SideInputs, subnets: Mapping[str, DraftSubnet]) -> None:
        self._draft = draft
        self._side = side
        self._by_name = subnets

    def read(self, group: Source, *, managed: bool) -> None:
        """Read one group.

        Args:
            group: the group.
            managed: True for one of `managedNodeGroups`.
        """
        draft = self._draft
        name = group.get("name").text()
        if name is None:
            if not group.document.faults:
                draft.refuse(group, "a group with a name", "name it in the file", got="without a name")
            return
        if name in self._side.without:
            draft.note(group, "left out, as --without says")
            return
        types = self._types(group)
        if not types:
            return
        if not any(groups.is_accelerated(item) for item in types):
            self._system(group, types)
            return
        self._pool(group, name, types, managed=managed)

    def _types(self, group: Source) -> list[str]:
        single = group.get("instanceType")
        types = group.get("instanceTypes").texts()
        distribution = group.get("instancesDistribution")
        types += distribution.get("instanceTypes").texts()
        text = single.text()
        if text is not None and text != "mixed":
            types.insert(0, text)
        if not types:
            selector = group.get("instanceSelector")
            template = group.get("launchTemplate")
            if template:
                self._draft.refuse(
                    template,
                    "an instance type in the file",
                    "state instanceType, or import the launch template with the cluster: ultrafleet import --live",
                )
            elif selector:
                self._draft.refuse(selector, "an instance type", "state instanceType: a pool has one")
            elif not group.document.faults:
                types = ["m5.large"]  # eksctl's default
                self._draft.note(f"{group.place}.instanceType", "not stated: eksctl's default is m5.large")
        return types

    def _system(self, group: Source, types: Sequence[str]) -> None:
        draft = self._draft
        name = group.get("name").text()
        if draft.system is not None:
            draft.note(
                group,
                f"{name} is not carried over: an environment has one group of system nodes, here the first; "
                "raise cluster.system_nodes for what ran on it",
            )
            return
        for key in ("minSize", "maxSize", "desiredCapacity"):
            group.get(key).number()
        least, most, desired = (group.get(key).number() for key in ("minSize", "maxSize", "desiredCapacity"))
        if desired is None:
            desired = least if least is not None else 2
        least = min(desired, least if least is not None else desired)
        if most is None:
            most = max(desired * groups.SYSTEM_FACTOR, 1)
            draft.note(f"{group.place}.maxSize", f"not stated: {most}, room for nodes of an update or of a lost zone")
        if group.get("spot").flag() or group.get("instancesDistribution"):
            group.get("instancesDistribution").read()
            draft.note(group.get("spot"), "not carried over: system nodes run on demand")
        group.get("iam").entries()
        volume = group.get("volumeSize")
        if volume:
            draft.note(volume, "not carried over: system nodes have the library's root volume")
        for key in ("labels", "tags"):
            if group.get(key):
                draft.note(group.get(key), "not carried over: system nodes have the library's own")
        draft.system = DraftSystem(
            instance_types=tuple(types),
            min_size=least,
            max_size=max(most, desired, 1),
            desired_size=desired,
            zones=groups.zones(draft, group.get("availabilityZones")),
        )

    def _pool(self, group: Source, name: str, types: Sequence[str], *, managed: bool) -> None:
        draft = self._draft
        where = group.get("instanceType") or group.get("instanceTypes")
        if len(set(types)) > 1:
            draft.refuse(
                where,
                "one accelerated type",
                "a pool has one type: split the group, or leave one in the file",
                got=", ".join(types),
            )
            return
        kind = groups.accelerated_type(draft, where, types[0], name)
        spot = group.get("spot")
        distribution = group.get("instancesDistribution")
        if spot.flag() or distribution:
            draft.refuse(
                distribution.read() if distribution else spot,
                "capacity blocks, an on-demand reservation, or on demand",
                f"accelerators are not run on spot here: take it out, or leave the group out: --without {name}",
                got="spot" if distribution else None,
            )
        if kind is None:
            return
        pool = DraftPool(
            name=groups.pool_name(draft, group.get("name"), name),
            place=group.place,
            instance_type=kind,
            purchase="on_demand",
        )
        pool.is_refused = bool(spot.flag() or distribution)
        self._capacity(group, pool)
        self._size(group, pool)
        self._place(group, pool)
        self._node(group, pool, managed=managed)
        draft.pools.append(pool)

    def _capacity(self, group: Source, pool: DraftPool) -> None:
        draft = self._draft
        reservation = group.get("capacityReservation")
        target = reservation.get("capacityReservationTarget")
        stated = target.get("capacityReservationID")
        market = group.get("instanceMarketOptions", "marketType")
        stated_market = market.text()
        is_block = stated_market == "capacity-block" or pool.instance_type.is_ultraserver_member
        if stated:
            pool.reservation_id = groups.reservation_id(draft, stated, optional=is_block)
            pool.purchase = "reservation"
        if is_block:
            pool.purchase = "block"
            if stated_market != "capacity-block":
                draft.note(group.get("instanceType"), "an UltraServer's instance is sold in capacity blocks alone")
        if stated_market == "spot":
            remedy = f"accelerators are not run on spot here: leave the group out: --without {pool.name}"
            draft.refuse(market, "capacity-block, or none", remedy)
        arn = target.get("capacityReservationResourceGroupARN")
        if arn:
            groups.reservation_group(draft, arn, pool)
        self._preference(reservation.get("capacityReservationPreference"), pool)

    def _preference(self, preference: Source, pool: DraftPool) -> None:
        if not preference:
            return
        stated = preference.text()
        if stated == "open" and pool.purchase == "on_demand":
            self._draft.note(preference, "not carried over: EC2 uses open reservations that match by default")
        elif stated != "none":
            self._draft.note(preference, "not carried over: a pool targets the reservation or block that it names")

    def _size(self, group: Source, pool: DraftPool) -> None:
        draft = self._draft
        least, most, desired = (group.get(key) for key in ("minSize", "maxSize", "desiredCapacity"))
        numbers = {source.key: source.number() for source in (least, most, desired)}
        if pool.purchase == "block":
            if desired:
                draft.note(desired, "not carried over: the schedule sets it from the block's clock")
            if most:
                draft.note(
                    most,
                    "not carried over: a pool on a block has the block's instances; "
                    f"a block has at most {CapacityBlockRules.MAX_INSTANCES}",
                )
            if least:
                draft.note(least, "not carried over: the schedule empties the pool before the block ends")
            return
        size = numbers["desiredCapacity"] or numbers["minSize"]
        if not size and numbers["maxSize"] is not None and numbers["maxSize"] == numbers["minSize"]:
            size = numbers["maxSize"]
        if size:
            pool.nodes = size
            for source in (least, most):
                if source and numbers[source.key] != size:
                    draft.note(source, f"not carried over: a pool has a fixed size, here desiredCapacity {size}")
        else:
            stated = ", ".join(f"{key} {value}" for key, value in numbers.items() if value is not None) or "not stated"
            pool.nodes_note = f"{stated} in {draft.file}"

    def _place(self, group: Source, pool: DraftPool) -> None:
        zones = groups.zones(self._draft, group.get("availabilityZones"))
        subnets = [text for text in (item.loose_text() for item in group.get("subnets").items()) if text is not None]
        local = groups.zones(self._draft, group.get("localZones"))
        zones = zones or local
        known = [self._by_name[item] for item in subnets if item in self._by_name]
        if subnets and not zones:
            zones = tuple(
                dict.fromkeys([item for item in subnets if is_zone(item)] + [item.zone for item in known if item.zone])
            )
            if not zones:
                pool.zone_remedy = f"behind {', '.join(subnets)}"
        if subnets:
            self._draft.note(group.get("subnets"), "not carried over: the pool's subnet is made here")
        pool.zones = zones or self._draft.zones

    def _node(self, group: Source, pool: DraftPool, *, managed: bool) -> None:
        draft = self._draft
        volume = group.get("volumeSize")
        pool.root_volume_gib = groups.root_volume(draft, volume)
        volume_type = group.get("volumeType").text() or "gp3"
        if volume_type != "gp3":
            draft.note(group.get("volumeType"), "not carried over: the root volume is a gp3")
        pool.labels = groups.labels(draft, group.get("labels"))
        pool.tags = groups.tags(draft, group.get("tags"))
        pool.max_pods = group.get("maxPodsPerNode").number()
        kubelet = group.get("kubeletExtraConfig")
        if kubelet:
            stated = kubelet.read().value
            config: dict[str, object] = dict(stated.items()) if isinstance(stated, dict) else {}
            pods = config.pop("maxPods", None)
            if isinstance(pods, int) and pool.max_pods is None:
                pool.max_pods = pods
            pool.kubelet_config = config
        efa = group.get("efaEnabled")
        with_efa = bool(efa.flag())
        if not with_efa:
            groups.note_efa(draft, efa if efa.value is not None else f"{group.place}.efaEnabled", pool.instance_type)
        placement = group.get("placement", "groupName")
        if placement and pool.purchase == "block":
            draft.note(
                placement, f"not carried over: no placement group on a capacity block ({NO_PLACEMENT_GROUP.value})"
            )
        elif placement:
            pool.placement_group = pool.purchase == "on_demand"
            draft.note(
                placement,
                "a cluster placement group is made here instead"
                if pool.placement_group
                else "not carried over: if the reservation was made in it, placement_group_name names it there",
            )
        elif with_efa and pool.purchase == "on_demand":
            pool.placement_group = True
            draft.note(efa, "eksctl makes a cluster placement group for it, and so does the pool")
        if not managed:
            draft.note(group.get("name"), "self-managed nodes become a managed node group")
        own_template = group.get("launchTemplate")
        if own_template:
            draft.note(own_template, "not carried over: a launch template is made here")
        group.get("iam").entries()
        nodes = NodeReader(draft, group, pool)
        nodes.read()
        pool.template = SourceTemplate(
            made_by="eksctl",
            interfaces=groups.efa_of_every_card(pool.instance_type) if with_efa else (),
            market_type="capacity-block"
            if group.get("instanceMarketOptions", "marketType").value == "capacity-block"
            else "",
            reservation=pool.reservation_id or "",
            placement_group=str(placement.value or "")
            or ("made for the group" if with_efa and pool.purchase != "block" else ""),
            root_volume_gib=pool.root_volume_gib or _DEFAULT_VOLUME_GIB,
            volume_type=volume_type,
            encrypted=group.get("volumeEncrypted").value is True,
            hop_limit=1 if group.get("disablePodIMDS").value is True else 2,
            tokens_required=True,
            image=group.get("ami").shown if group.get("ami") else "",
            key_name="stated" if group.get("ssh") else "",
            user_data=nodes.has_user_data,
        )
