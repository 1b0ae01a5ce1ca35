"""Cluster file of NVIDIA AICR's tests on EKS: kind `Cluster` of github.com/mchmarny/cluster."""

from pathlib import Path
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.importing import groups
from ultrafleet.importing.draft import Draft, DraftPool, DraftSubnet, DraftSystem, Reasons, SourceTemplate
from ultrafleet.importing.side_inputs import SideInputs
from ultrafleet.importing.source import Document, Source
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.zones import is_local_zone, is_zone

_IMAGE: Final = "not carried over: nodes run EKS's Amazon Linux 2023 image; node.image states one of your own"

_REASONS: Final = Reasons(
    {
        "deployment.id": "not carried over",
        "deployment.state": "not carried over: CloudFormation keeps the state of a deployment",
        "deployment.destroy": "not carried over",
        "deployment.tags": "not carried over: node.tags are those of a pool's nodes",
        "deployment.provider": "EKS",
        "allowedCidrs": "not carried over: the API endpoint is private; see cluster.api_access_cidrs",
        "adminRoles": "not carried over: names of roles; cluster.admin_role_arns takes their ARNs",
        "controlPlane": "the API endpoint is private alone; cluster.api_access_cidrs opens it to networks",
        "system.labels": "not carried over: system nodes have the library's own",
        "system.imageId": _IMAGE,
        "blockDevice": "not carried over but for a worker's size: root volumes are gp3",
        "sshPublicKey": "not carried over: nodes take no SSH; cluster.ssm_sessions: true opens shells",
        "observability": "the dashboard and the alarms are the library's",
        "endpoints": "network.interface_endpoints has what private nodes need by default",
        "addOns": "not carried over: the library chooses the add-ons and their roles",
        "cidrs.pod": "not carried over: pods have addresses of their node's subnet, in prefixes",
        "subnets.pod": "not carried over: pods have addresses of their node's subnet, in prefixes",
        "subnets.public": "not carried over: every subnet is private here",
        "subnets.system": "not carried over but for the zones: these subnets are made here",
        "subnets.worker": "not carried over but for zone and CIDR",
        "securityGroups": "not carried over: nodes are in the cluster's group and in an EFA group of their own",
        "imageId": _IMAGE,
        "architecture": "follows from the instance type",
        "gpuType": "follows from the instance type",
        "accelerator": "follows from the instance type: its layout is the library's",
        "taints": "not carried over: a pool has the usual taint of its accelerator; node.taints states others instead",
        "preference": "a pool targets the reservation or block that it names",
        "blockDevices": "not carried over",
    },
    "not carried over: the environment has nothing like it",
)


def read_aicr(document: Document, side: SideInputs) -> Draft:
    """Fleet of a cluster file.

    Args:
        document: the file.
        side: what the caller states.

    Raises:
        FleetError: it is a cluster of another cloud.
    """
    return _Reader(document, side).read()


class _Reader:
    def __init__(self, document: Document, side: SideInputs) -> None:
        self._document = document
        self._root = document.root
        self._side = side
        self._draft = Draft(tool="NVIDIA AICR", file=Path(document.name).name)

    def read(self) -> Draft:
        draft, root = self._draft, self._root
        root.get("apiVersion").read()
        root.get("kind").read()
        deployment = root.get("deployment")
        provider = deployment.get("provider") or deployment.get("csp")
        if (provider.text() or "eks").lower() not in {"eks", "aws"}:
            raise FleetError(
                path=provider.place,
                got=provider.shown,
                expected="AWS" if provider.key == "csp" else "eks",
                remedy="a cluster of another cloud can't become a fleet on AWS",
            )
        draft.cluster_name = draft.stated(self._part("cluster").get("name") or deployment.get("id"))
        draft.account = draft.stated(deployment.get("tenancy"))
        draft.region = draft.stated(deployment.get("location"))
        self._version(self._part("cluster").get("version"))
        network = self._part("network")
        draft.cidr = network.get("cidrs", "host").text()
        subnets = network.get("subnets")
        system = self._subnets(subnets.get("system"))
        workers = self._subnets(subnets.get("worker"))
        draft.zones = tuple(sorted({item.zone for item in system if not is_local_zone(item.zone)}))
        node_groups = self._part("compute").get("nodeGroups")
        self._system(node_groups.get("system"))
        for worker in node_groups.get("workers").items():
            self._worker(worker, workers)
        if subnets.get("worker"):
            draft.note(subnets.get("worker"), _REASONS.of(subnets.get("worker")))
        if subnets.get("system"):
            draft.note(subnets.get("system"), _REASONS.of(subnets.get("system")))
        draft.note_unread(root, _REASONS)
        draft.faults += self._document.faults
        return draft

    def _part(self, name: str) -> Source:
        """A part of the file; older ones have it without the provider's name."""
        return self._root.get(name, "eks") or self._root.get(name)

    def _version(self, source: Source) -> None:
        text = self._draft.stated(source)
        if text is None:
            return
        try:
            parse_kubernetes_version(text)
        except FleetError as error:
            self._draft.note(
                source, f"not carried over: expected {error.expected}; the environment has the library's version"
            )
        else:
            self._draft.kubernetes_version = text

    def _subnets(self, source: Source) -> list[DraftSubnet]:
        found = []
        for item in source.items():
            zone = item.get("zone").text()
            if zone is None:
                continue
            if not is_zone(zone):
                self._draft.refuse(item.get("zone"), "a zone's name such as us-east-1a", "correct it in the file")
                continue
            found.append(DraftSubnet(zone=zone, cidr=item.get("cidr").text()))
        return found

    def _system(self, system: Source) -> None:
        kind = system.get("instanceType").text()
        if kind is None:
            return
        capacity = system.get("capacity")
        desired = capacity.get("desired").number() or 2
        least, most = capacity.get("min").number(), capacity.get("max").number()
        self._draft.system = DraftSystem(
            instance_types=(kind,),
            min_size=min(desired if least is None else least, desired),
            max_size=max(most or desired * groups.SYSTEM_FACTOR, desired),
            desired_size=desired,
        )

    def _worker(self, worker: Source, subnets: list[DraftSubnet]) -> None:
        draft = self._draft
        name = worker.get("name").text() or "workers"
        if name in self._side.without:
            draft.note(worker, "left out, as --without says")
            return
        stated = worker.get("instanceType")
        text = stated.text()
        if text is None:
            if not self._document.faults:
                draft.refuse(
                    worker, "an instance type", f"state it, or leave the group out: --without {name}", got="without one"
                )
            return
        if not groups.is_accelerated(text):
            draft.note(worker, f"{name}, of {text}, is not carried over: pools are accelerated nodes")
            return
        kind = groups.accelerated_type(draft, stated, text, name)
        if kind is None:
            return
        pool = DraftPool(
            name=groups.pool_name(draft, worker.get("name"), name),
            place=worker.place,
            instance_type=kind,
            purchase="on_demand",
            zones=tuple(dict.fromkeys(item.zone for item in subnets)),
            subnets=tuple(subnets),
            labels=groups.labels(draft, worker.get("labels")),
            tags=groups.tags(draft, worker.get("tags")),
            root_volume_gib=groups.root_volume(draft, worker.get("blockDevice", "size")),
        )
        self._capacity(worker.get("capacity"), pool)
        image = worker.get("imageId")
        pool.template = SourceTemplate(
            made_by="mchmarny/cluster",
            market_type="capacity-block" if pool.purchase == "block" else "",
            reservation=pool.reservation_id or "",
            image=image.shown if image else "",
        )
        draft.pools.append(pool)

    def _capacity(self, capacity: Source, pool: DraftPool) -> None:
        draft = self._draft
        reservation = capacity.get("reservation")
        target, market = reservation.get("target"), reservation.get("marketType")
        group = reservation.get("resourceGroup")
        is_block = market.text() == "capacity-block" or pool.instance_type.is_ultraserver_member
        if target and target.value != "":
            pool.purchase = "reservation"
            pool.reservation_id = groups.reservation_id(draft, target, optional=is_block)
        elif target.value == "":
            draft.note(target, "not filled in")
            if not is_block:
                draft.refuse(target, "the id of a reservation", "fill it in, or take the reservation out", got="empty")
        if is_block:
            pool.purchase = "block"
        if group:
            groups.reservation_group(draft, group, pool)
        sizes = {key: capacity.get(key) for key in ("desired", "min", "max")}
        numbers = {key: source.number() for key, source in sizes.items()}
        if is_block:
            for source in filter(None, sizes.values()):
                draft.note(source, "not carried over: a pool on a block has all of the block's instances")
            return
        pool.nodes = numbers["desired"] or numbers["min"]
        for key in ("min", "max"):
            if sizes[key] and pool.nodes is not None and numbers[key] != pool.nodes:
                draft.note(sizes[key], f"not carried over: a pool has a fixed size, here {pool.nodes}")
