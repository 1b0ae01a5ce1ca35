"""AWS ParallelCluster's configuration, version 3."""

from pathlib import Path
from typing import Final

from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP
from ultrafleet.importing import groups
from ultrafleet.importing.draft import Draft, DraftPool, SourceTemplate
from ultrafleet.importing.pcluster_reasons import REASONS
from ultrafleet.importing.side_inputs import SideInputs
from ultrafleet.importing.source import Document, Source

_DEFAULT_MOST: Final = 10
"""ParallelCluster's default of `MaxCount` (its user guide, high)."""
_SPOT: Final = "SPOT"
_CAPACITY_TYPES: Final = {"ONDEMAND": "on_demand", "CAPACITY_BLOCK": "block"}
"""Values of `CapacityType` that a pool can have; the third is spot (ParallelCluster user guide, Scheduling, high)."""


def read_pcluster(document: Document, side: SideInputs) -> Draft:
    """Fleet of a configuration.

    Args:
        document: the file.
        side: what the caller states.
    """
    return _Reader(document, side).read()


class _Reader:
    def __init__(self, document: Document, side: SideInputs) -> None:
        self._document = document
        self._root = document.root
        self._side = side
        self._draft = Draft(tool="ParallelCluster", file=Path(document.name).name)

    def read(self) -> Draft:
        draft, scheduling = self._draft, self._root.get("Scheduling")
        draft.region = draft.stated(self._root.get("Region"))
        scheduler = scheduling.get("Scheduler")
        if scheduler.text() not in {None, "slurm"}:
            draft.refuse(
                scheduler,
                "slurm",
                "its queues become pools; of AWS Batch, state the instances in a file of slurm queues, or write the "
                "environment: docs/getting-started.md",
            )
        for queue in scheduling.get("SlurmQueues").items():
            self._queue(queue)
        for storage in self._root.get("SharedStorage").items():
            self._storage(storage)
        draft.note_unread(self._root, REASONS)
        draft.faults += self._document.faults
        return draft

    def _queue(self, queue: Source) -> None:
        draft = self._draft
        name = queue.get("Name").text() or "queue"
        pools = len(draft.pools)
        resources = queue.get("ComputeResources").items()
        for resource in resources:
            own = resource.get("Name").text() or "nodes"
            full = name if len(resources) == 1 else f"{name}-{own}"
            if {name, full} & set(self._side.without):
                draft.note(resource, "left out, as --without says")
                continue
            self._resource(queue, resource, full)
        if len(draft.pools) == pools:
            queue.read()  # its resources have been told of

    def _resource(self, queue: Source, resource: Source, name: str) -> None:
        draft = self._draft
        single, several = resource.get("InstanceType"), resource.get("Instances")
        types = [text for text in (item.get("InstanceType").text() for item in several.items()) if text]
        stated = single.text()
        if stated is not None:
            types.insert(0, stated)
        where = single or several
        if not types:
            if not where.is_unfilled and not self._document.faults:
                draft.refuse(resource, "an instance type", "state InstanceType", got="without one")
            return
        if not any(groups.is_accelerated(item) for item in types):
            draft.note(resource, f"{name}, of {', '.join(types)}, is not carried over: pools are accelerated nodes")
            return
        if len(set(types)) > 1:
            remedy = "a pool has one type: leave one in the file, or split the resource"
            draft.refuse(where, "one accelerated type", remedy, got=", ".join(types))
            return
        kind = groups.accelerated_type(draft, where, types[0], name)
        if kind is None:
            return
        pool = DraftPool(
            name=groups.pool_name(
                draft, resource.get("Name") if queue.get("Name").value != name else queue.get("Name"), name
            ),
            place=resource.place,
            instance_type=kind,
            purchase="on_demand",
        )
        self._capacity(queue, resource, pool)
        self._size(resource, pool)
        self._place(queue, resource, pool)
        self._node(queue, resource, pool)
        draft.pools.append(pool)

    def _capacity(self, queue: Source, resource: Source, pool: DraftPool) -> None:
        draft = self._draft
        kind = queue.get("CapacityType")
        stated = (kind.text() or "ONDEMAND").upper()
        if stated not in _CAPACITY_TYPES:
            remedy = "accelerators are not run on spot here: take it out" if stated == _SPOT else "correct it"
            draft.refuse(kind, "ONDEMAND or CAPACITY_BLOCK", f"{remedy}, or leave the queue out: --without {pool.name}")
            pool.is_refused = True
        is_block = stated == "CAPACITY_BLOCK" or pool.instance_type.is_ultraserver_member
        target = resource.get("CapacityReservationTarget") or queue.get("CapacityReservationTarget")
        identifier, arn = target.get("CapacityReservationId"), target.get("CapacityReservationResourceGroupArn")
        if identifier and identifier.value != "NONE":
            pool.reservation_id = groups.reservation_id(draft, identifier, optional=is_block)
            pool.purchase = "reservation"
        elif identifier:
            draft.note(identifier, "not carried over: EC2 uses open reservations that match by default")
        if is_block:
            pool.purchase = "block"
        if arn:
            groups.reservation_group(draft, arn, pool)

    def _size(self, resource: Source, pool: DraftPool) -> None:
        draft = self._draft
        least, most = resource.get("MinCount"), resource.get("MaxCount")
        fewest = least.number() or 0
        stated = most.number()
        largest = _DEFAULT_MOST if stated is None else stated
        if pool.purchase == "block":
            for source in (least, most):
                if source:
                    draft.note(
                        source,
                        "not carried over: a pool on a block has the block's instances; the schedule starts them",
                    )
            return
        if largest < 1:
            pool.nodes_note = f"MinCount {fewest}, MaxCount {largest} in {draft.file}"
            return
        pool.nodes = largest
        if fewest != largest:
            default = "" if stated is not None else ", ParallelCluster's default"
            pool.nodes_note = f"MinCount {fewest}, MaxCount {largest} in {draft.file}"
            draft.note(
                least or most or f"{resource.place}.MaxCount",
                f"not carried over: Slurm starts nodes as jobs come, from {fewest} to {largest}{default}; a pool has a "
                f"fixed size, here {largest}, and --nodes {pool.name}=COUNT states another",
            )

    def _place(self, queue: Source, resource: Source, pool: DraftPool) -> None:
        draft = self._draft
        networking = queue.get("Networking")
        subnets = networking.get("SubnetIds")
        listed = ", ".join(item.shown for item in subnets.items())
        if subnets:
            draft.note(subnets, "not carried over: the file has no zone of them, and the environment makes its own")
            pool.zone_remedy = f"that of {listed}, which {draft.file} doesn't state"
        group = resource.get("Networking", "PlacementGroup") or networking.get("PlacementGroup")
        enabled, named = group.get("Enabled"), group.get("Name") or group.get("Id")
        if not enabled.flag() and not named:
            return
        where = named or enabled
        if pool.purchase == "block":
            draft.note(where, f"not carried over: no placement group on a capacity block ({NO_PLACEMENT_GROUP.value})")
        elif pool.purchase == "reservation":
            draft.note(where, "not carried over: if the reservation was made in a group, placement_group_name names it")
        else:
            pool.placement_group = True
            if named:
                draft.note(named, "a cluster placement group is made here instead")

    def _node(self, queue: Source, resource: Source, pool: DraftPool) -> None:
        draft = self._draft
        storage = queue.get("ComputeSettings", "LocalStorage")
        volume = storage.get("RootVolume")
        pool.root_volume_gib = groups.root_volume(draft, volume.get("Size"))
        volume_type = volume.get("VolumeType").text() or "gp3"
        if volume_type != "gp3":
            draft.note(volume.get("VolumeType"), "not carried over: the root volume is a gp3")
        ephemeral = storage.get("EphemeralVolume")
        if ephemeral and pool.instance_type.nvme_count != 0:
            pool.raid0 = True
            mounted = ephemeral.get("MountDir")
            draft.note(mounted or ephemeral, "the local disks are one volume for containerd and the kubelet")
        efa = resource.get("Efa", "Enabled")
        with_efa = bool(efa.flag())
        if not with_efa:
            groups.note_efa(draft, efa if efa.value is not None else f"{resource.place}.Efa", pool.instance_type)
        for source in (queue.get("Tags"), resource.get("Tags")):
            pool.tags.update(groups.tag_list(draft, source))
        image = queue.get("Image", "CustomAmi") or self._root.get("Image", "CustomAmi")
        encrypted = volume.get("Encrypted").flag()
        group = resource.get("Networking", "PlacementGroup") or queue.get("Networking", "PlacementGroup")
        pool.template = SourceTemplate(
            made_by="ParallelCluster",
            interfaces=groups.published_algorithm(pool.instance_type) if with_efa else None,
            market_type="capacity-block" if queue.get("CapacityType").value == "CAPACITY_BLOCK" else "",
            reservation=pool.reservation_id or "",
            placement_group="group" if group.get("Enabled").value is True or group.get("Name") else "",
            root_volume_gib=pool.root_volume_gib,
            volume_type=volume_type,
            encrypted=True if encrypted is None else encrypted,
            image=image.shown if image else "",
            user_data=bool(queue.get("CustomActions")),
        )

    def _storage(self, storage: Source) -> None:
        draft = self._draft
        kind = storage.get("StorageType").text()
        if kind != "FsxLustre":
            draft.note(
                storage, f"{kind} is not carried over: mount it from pods through its CSI driver (cluster.addons)"
            )
            return
        settings = storage.get("FsxLustreSettings").read()
        stated = settings.value if isinstance(settings.value, dict) else {}
        deployment = stated.get("DeploymentType")
        if "FileSystemId" in stated:
            draft.note(storage, "not carried over: a file system that exists is mounted by a volume of your own")
        elif deployment == "PERSISTENT_2":
            draft.note(
                storage,
                "not carried over: a file system is a team's; state teams[].file_system with capacity_gib "
                f"{groups.plain(stated.get('StorageCapacity'))} and throughput_mbps_per_tib "
                f"{groups.plain(stated.get('PerUnitStorageThroughput'))}",
            )
        else:
            draft.note(
                storage,
                f"{groups.plain(deployment or 'SCRATCH_2')} is not carried over: a team's file system is PERSISTENT_2 "
                "with a throughput (teams[].file_system), which costs more and keeps its data",
            )
