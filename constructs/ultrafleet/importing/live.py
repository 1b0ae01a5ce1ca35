"""Running cluster, read with boto3: its node groups, launch templates, subnets and reservations. Nothing is changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.importing import groups
from ultrafleet.importing.draft import Draft, DraftCluster, DraftPool, DraftSubnet, DraftSystem, SourceTemplate
from ultrafleet.importing.side_inputs import BlockInput, SideInputs
from ultrafleet.layout import Interface
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.zones import is_local_zone

ACTIONS: Final = (
    "ec2:DescribeCapacityReservations",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "eks:DescribeCluster",
    "eks:DescribeNodegroup",
    "eks:ListAddons",
    "eks:ListNodegroups",
    "sts:GetCallerIdentity",
)
"""IAM actions that the calls need."""
_TYPES: Final = frozenset({"interface", "efa", "efa-only", "secondary"})
_BLOCK: Final = "capacity-block"


@dataclass(frozen=True, kw_only=True)
class _Reservation:
    """Reservation of the account."""

    is_block: bool
    count: int
    zone: str
    start: datetime | None
    end: datetime | None


def read_live(session: Any, cluster: str, side: SideInputs) -> Draft:  # noqa: ANN401 - boto3 has no types
    """Fleet of a running cluster.

    Args:
        session: boto3 session with the region of the cluster.
        cluster: name of the cluster.
        side: what the caller states.

    Raises:
        FleetError: there is no such cluster.
        ClientError: of botocore, where a call isn't allowed.
    """
    return _Reader(session, cluster, side).read()


class _Reader:
    def __init__(self, session: Any, cluster: str, side: SideInputs) -> None:  # noqa: ANN401 - boto3 has no types
        self._eks = session.client("eks")
        self._ec2 = session.client("ec2")
        self._sts = session.client("sts")
        self._region = str(session.region_name)
        self._name = cluster
        self._side = side
        self._draft = Draft(
            tool="a running cluster", file=f"cluster {cluster}", cluster_name=cluster, region=self._region
        )

    def read(self) -> Draft:
        draft = self._draft
        cluster = self._cluster()
        draft.account = str(self._sts.get_caller_identity()["Account"])
        version = str(cluster.get("version", ""))
        try:
            parse_kubernetes_version(version)
            draft.kubernetes_version = version
        except FleetError as error:
            draft.note(
                f"version {version}",
                f"not carried over: expected {error.expected}; the environment has the library's version",
            )
        network = cluster.get("resourcesVpcConfig") or {}
        addons = [str(item) for item in _pages(self._eks, "list_addons", "addons", clusterName=self._name)]
        if network.get("vpcId"):
            self._vpc(str(network["vpcId"]), cluster, addons)
        if network.get("endpointPublicAccess") and not self._side.adopt:
            draft.note("public endpoint", "the API endpoint is private alone here; cluster.api_access_cidrs opens it")
        control = self._subnets(network.get("subnetIds") or [])
        draft.zones = tuple(sorted({item.zone for item in control.values() if not is_local_zone(item.zone)}))
        reservations = dict(self._reservations())
        for name in _pages(self._eks, "list_nodegroups", "nodegroups", clusterName=self._name):
            group = self._eks.describe_nodegroup(clusterName=self._name, nodegroupName=name)["nodegroup"]
            self._group(str(name), group, reservations)
        for name in addons:
            groups.carry_addon_name(draft, f"add-on {name}", name)
        draft.note(f"cluster {self._name}", "self-managed nodes, Helm releases, roles and objects in it are not read")
        return draft

    def _cluster(self) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._eks.describe_cluster(name=self._name)["cluster"]
        except self._eks.exceptions.ResourceNotFoundException:
            raise FleetError(
                path=f"cluster {self._name}",
                got=f"not in {self._region}",
                expected="the name of a cluster",
                remedy="aws eks list-clusters",
            ) from None
        return found

    def _vpc(self, vpc_id: str, cluster: Mapping[str, Any], addons: list[str]) -> None:
        draft, found = self._draft, self._ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"]
        first = [str(item["CidrBlock"]) for item in found]
        further = [str(item["CidrBlock"]) for vpc in found for item in vpc.get("CidrBlockAssociationSet") or []]
        cidrs = tuple(dict.fromkeys([*first, *further]))
        draft.vpc_id = vpc_id
        draft.cidr = cidrs[0] if cidrs else None
        draft.existing = DraftCluster(
            vpc_id=vpc_id,
            cidrs=cidrs,
            security_group_id=(cluster.get("resourcesVpcConfig") or {}).get("clusterSecurityGroupId"),
            authentication_mode=(cluster.get("accessConfig") or {}).get("authenticationMode"),
            addons=tuple(addons),
            kubernetes_version=str(cluster.get("version", "")),
        )
        if not self._side.adopt:
            draft.note(
                f"VPC {vpc_id}",
                f"the environment makes one of its own, with CIDR {draft.cidr}; --cidr states another, --adopt uses it",
            )

    def _subnets(self, ids: list[str]) -> dict[str, DraftSubnet]:
        if not ids:
            return {}
        return {
            item["SubnetId"]: DraftSubnet(
                zone=item["AvailabilityZone"], cidr=item.get("CidrBlock"), subnet_id=item["SubnetId"]
            )
            for item in _pages(self._ec2, "describe_subnets", "Subnets", SubnetIds=ids)
        }

    def _reservations(self) -> Iterator[tuple[str, _Reservation]]:
        for item in _pages(self._ec2, "describe_capacity_reservations", "CapacityReservations"):
            yield (
                str(item["CapacityReservationId"]),
                _Reservation(
                    is_block=item.get("ReservationType") == _BLOCK,
                    count=int(item["TotalInstanceCount"]),
                    zone=str(item["AvailabilityZone"]),
                    start=item.get("StartDate"),
                    end=item.get("EndDate"),
                ),
            )

    def _group(self, name: str, group: Mapping[str, Any], reservations: Mapping[str, _Reservation]) -> None:
        draft, place = self._draft, f"node group {name}"
        if name in self._side.without:
            draft.note(place, "left out, as --without says")
            return
        data = self._launch_template(group)
        stated = data.get("InstanceType")
        types = [str(item) for item in group.get("instanceTypes") or ([stated] if stated else [])]
        if not any(groups.is_accelerated(item) for item in types):
            self._system(name, group, types)
            return
        if len(set(types)) > 1:
            remedy = f"a pool has one type; leave the group out: --without {name}"
            draft.refuse(place, "one accelerated type", remedy, got=f"of {', '.join(types)}")
            return
        kind = groups.accelerated_type(draft, place, types[0], name)
        if kind is None:
            return
        pool = DraftPool(
            name=groups.pool_name(draft, place, name), place=place, instance_type=kind, purchase="on_demand"
        )
        pool.node_group = name
        pool.subnets = tuple(self._subnets(list(group.get("subnets") or [])).values())
        pool.zones = tuple(dict.fromkeys(item.zone for item in pool.subnets))
        self._capacity(pool, group, data, reservations)
        self._size(pool, group)
        self._node(pool, group, data)
        draft.pools.append(pool)

    def _launch_template(self, group: Mapping[str, Any]) -> Mapping[str, Any]:
        stated = group.get("launchTemplate") or {}
        if not stated.get("id"):
            return {}
        versions = self._ec2.describe_launch_template_versions(
            LaunchTemplateId=stated["id"], Versions=[str(stated.get("version") or "$Default")]
        )["LaunchTemplateVersions"]
        found: Mapping[str, Any] = versions[0]["LaunchTemplateData"] if versions else {}
        return found

    def _system(self, name: str, group: Mapping[str, Any], types: list[str]) -> None:
        draft, scaling = self._draft, group.get("scalingConfig") or {}
        if draft.system is not None or not types:
            draft.note(
                f"node group {name}",
                "not carried over: an environment has one group of system nodes, here the first; raise "
                "cluster.system_nodes for what ran on it",
            )
            return
        subnets = self._subnets(list(group.get("subnets") or []))
        desired = int(scaling.get("desiredSize") or 1)
        draft.system = DraftSystem(
            instance_types=tuple(types),
            min_size=min(int(scaling.get("minSize") or 0), desired),
            max_size=max(int(scaling.get("maxSize") or 0), desired),
            desired_size=desired,
            zones=tuple(sorted({item.zone for item in subnets.values()})),
        )

    def _capacity(
        self,
        pool: DraftPool,
        group: Mapping[str, Any],
        data: Mapping[str, Any],
        reservations: Mapping[str, _Reservation],
    ) -> None:
        draft = self._draft
        market = (data.get("InstanceMarketOptions") or {}).get("MarketType")
        if group.get("capacityType") == "SPOT" or market == "spot":
            draft.refuse(
                pool.place,
                "capacity blocks, an on-demand reservation, or on demand",
                f"accelerators are not run on spot here: leave the group out: --without {pool.name}",
                got="on spot",
            )
        target = (data.get("CapacityReservationSpecification") or {}).get("CapacityReservationTarget") or {}
        pool.reservation_id = target.get("CapacityReservationId")
        known = reservations.get(pool.reservation_id or "")
        is_block = group.get("capacityType") == "CAPACITY_BLOCK" or market == _BLOCK
        if is_block or pool.instance_type.is_ultraserver_member or (known is not None and known.is_block):
            pool.purchase = "block"
        elif pool.reservation_id is not None:
            pool.purchase = "reservation"
        if known is not None:
            pool.zones = (known.zone,)
            pool.reserved = known.count
            if known.start is not None and known.end is not None and pool.reservation_id is not None:
                pool.block = BlockInput(
                    pool_name=None,
                    capacity_reservation_id=pool.reservation_id,
                    instance_count=known.count,
                    start=known.start,
                    end=known.end,
                )
        elif pool.reservation_id is not None:
            draft.note(pool.place, f"{pool.reservation_id} is over, or of another account: it isn't shown any more")
        arn = target.get("CapacityReservationResourceGroupArn")
        if arn and pool.purchase == "block":
            pool.wants_block = "in a group of reservations, and a node group takes one"
        elif arn:
            remedy = f"a pool takes one; leave the group out: --without {pool.name}"
            draft.refuse(pool.place, "the id of one reservation", remedy, got=f"on the group of reservations {arn}")

    def _size(self, pool: DraftPool, group: Mapping[str, Any]) -> None:
        scaling = group.get("scalingConfig") or {}
        least, most, desired = (scaling.get(key) for key in ("minSize", "maxSize", "desiredSize"))
        stated = f"minSize {least}, maxSize {most}, desiredSize {desired}"
        if pool.purchase == "block":
            self._draft.note(pool.place, f"{stated}: not carried over: a pool on a block has the block's instances")
            return
        pool.nodes = desired or least or None
        pool.nodes_note = None if pool.nodes else f"{stated} in {self._draft.file}"
        if pool.nodes and {least, most, desired} - {pool.nodes, None}:
            self._draft.note(pool.place, f"{stated}: not carried over: a pool has a fixed size, here {pool.nodes}")

    def _node(self, pool: DraftPool, group: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        draft = self._draft
        pool.labels = groups.kept_labels(draft, pool.place, group.get("labels") or {})
        pool.tags = groups.kept_tags(draft, pool.place, group.get("tags") or {})
        if group.get("taints"):
            draft.note(
                pool.place,
                "its taints are not carried over: a pool has its accelerator's; node.taints states others",
            )
        volumes: list[Mapping[str, Any]] = [item.get("Ebs") or {} for item in data.get("BlockDeviceMappings") or []]
        ebs = volumes[0] if volumes else {}
        pool.root_volume_gib = ebs.get("VolumeSize") or group.get("diskSize")
        placement = (data.get("Placement") or {}).get("GroupName")
        if placement and pool.purchase == "on_demand":
            pool.placement_group = True
            draft.note(pool.place, f"placement group {placement}: a cluster placement group is made here instead")
        elif placement:
            draft.note(
                pool.place, f"placement group {placement}: not carried over; of a reservation, placement_group_name"
            )
        if not data:
            draft.note(pool.place, "it has no launch template: that of the pool isn't compared")
            return
        metadata = data.get("MetadataOptions") or {}
        tokens = metadata.get("HttpTokens")
        pool.template = SourceTemplate(
            made_by=f"the launch template of {pool.place}",
            interfaces=tuple(sorted(_interfaces(data))),
            market_type=(data.get("InstanceMarketOptions") or {}).get("MarketType", ""),
            reservation=pool.reservation_id or "",
            placement_group=placement or "",
            root_volume_gib=ebs.get("VolumeSize"),
            volume_type=ebs.get("VolumeType"),
            encrypted=ebs.get("Encrypted"),
            hop_limit=metadata.get("HttpPutResponseHopLimit"),
            tokens_required=None if tokens is None else tokens == "required",
            image=data.get("ImageId", ""),
            key_name=data.get("KeyName", ""),
        )


def _interfaces(data: Mapping[str, Any]) -> Iterator[Interface]:
    for item in data.get("NetworkInterfaces") or []:
        kind = str(item.get("InterfaceType") or "interface")
        if kind in _TYPES:
            yield Interface(int(item.get("NetworkCardIndex") or 0), int(item.get("DeviceIndex") or 0), kind)


def _pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:  # noqa: ANN401 - boto3
    for page in client.get_paginator(operation).paginate(**request):
        yield from page[key]
