"""Environment of a draft and of what the caller stated beside it; what is missing is asked for, all at once."""

from dataclasses import dataclass, field
from typing import Any

from ultrafleet.catalog.eks import RESOURCE_CLAIMS_MINIMUM_VERSION, spelled
from ultrafleet.errors import FleetError
from ultrafleet.importing.adopting import adopted_cluster, adopted_network
from ultrafleet.importing.draft import Draft
from ultrafleet.importing.plan import control_plane_zones, subnet_rows
from ultrafleet.importing.pool_rows import PoolRows
from ultrafleet.importing.refusal import ImportRefusedError
from ultrafleet.importing.side_inputs import SideInputs
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.zones import is_local_zone, is_zone, region_of_zone

Comments = dict[tuple[str | int, ...], str]
"""Comment beside a key, by its path."""


@dataclass(kw_only=True)
class Finished:
    """Content of an environment file.

    Attributes:
        content: keys and values, without the name.
        comments: comment beside a key, by its path.
    """

    content: dict[str, Any]
    comments: Comments = field(default_factory=dict)


def finish(draft: Draft, side: SideInputs) -> Finished:
    """Environment of a draft.

    Args:
        draft: what the source describes; gets the lines that come up here, too.
        side: what the caller states.

    Raises:
        ImportRefusedError: something is missing, or can't be carried over.
    """
    if not draft.pools and not draft.faults:
        draft.refuse(
            draft.file,
            "at least one",
            "an environment has a pool: name the file that describes it",
            got="without a group of accelerated nodes",
        )
    _check_options(draft, side)
    _check_what_synthesis_would_refuse(draft, side)
    comments: Comments = {}
    account = _stated(draft, "account", (draft.account, side.account), "--account 111122223333", "twelve digits")
    region = _stated(draft, "region", (draft.region, side.region), "--region us-east-1", "a region")
    cidr = side.cidr or draft.cidr
    if side.adopt and draft.existing is None:
        draft.refuse(
            "--adopt",
            "a running cluster: --live CLUSTER --adopt",
            "zones and CIDRs of subnets and the security group are read there; docs/guides/adopt-a-cluster.md",
            got=f"for {draft.file}, which has ids at most",
        )
    if cidr is None:
        draft.ask("network.cidr", "the CIDR of the new VPC", "--cidr 10.20.0.0/16")
    pools = PoolRows(draft, side, region)
    pools.read()
    comments.update(pools.comments)
    if side.production is None:
        comments["production",] = f"not in {draft.file}: true retains and protects"
        draft.note("production", f"not in {draft.file}: false; --production retains and protects")
    content: dict[str, Any] = {"account": account, "region": region, "production": bool(side.production)}
    if side.adopt and draft.existing is not None:
        content["network"] = adopted_network(draft.existing, pools)
        content["cluster"] = adopted_cluster(draft, draft.existing)
    else:
        content["network"] = _network(draft, side, pools, (cidr, region), comments)
        cluster = _cluster(draft)
        if cluster:
            content["cluster"] = cluster
    if pools.reservations:
        content["capacity_reservations"] = pools.reservations
    content["pools"] = pools.rows
    if draft.faults:
        raise ImportRefusedError.of(draft.faults, draft.notes)
    return Finished(content=content, comments=comments)


def _stated(draft: Draft, path: str, both: tuple[str | None, str | None], flag: str, expected: str) -> str | None:
    stated, given = both
    if stated is not None and given is not None and stated != given:
        draft.refuse(path, "one", "leave the option out", got=f"{stated} in {draft.file}, {given} as an option")
    found = given or stated
    if found is None:
        draft.ask(path, expected, flag)
    return found


def _network(
    draft: Draft, side: SideInputs, pools: PoolRows, place: tuple[str | None, str | None], comments: Comments
) -> dict[str, Any]:
    cidr, region = place
    network: dict[str, Any] = {"cidr": cidr}
    if region is None or cidr is None:
        return network
    unnamed = [zone for zone in side.zones.get("", ()) if is_zone(zone)]
    system = draft.system.zones if draft.system is not None else ()
    accelerators = [wanted.zone for wanted in pools.subnets.values()]
    control, added = control_plane_zones((*draft.zones, *unnamed), (*system, *accelerators), region)
    for zone in added:
        draft.note(
            f"network.subnets in {zone}", f"not in {draft.file}: EKS needs two Availability Zones; --zone names another"
        )
    local = any(is_local_zone(zone) for zone in accelerators)
    if local:
        network["egress"] = "zonal_nat"
        draft.note("network.egress", "zonal_nat: nodes in a Local Zone leave through a NAT gateway in the region")
    try:
        network["subnets"] = subnet_rows(
            cidr=cidr,
            control=control,
            system=sorted(set(system) or set(control)),
            accelerators=pools.subnets,
            zonal_nat=local,
        )
    except FleetError as error:
        draft.faults.append(error)
        return network
    for position, row in enumerate(network["subnets"]):
        if row["kind"] == "control_plane" and row["availability_zone"] in added:
            comments["network", "subnets", position] = f"a second zone, which EKS needs; not in {draft.file}"
    return network


def _cluster(draft: Draft) -> dict[str, Any]:
    cluster: dict[str, Any] = {}
    if draft.kubernetes_version is not None:
        cluster["kubernetes_version"] = draft.kubernetes_version
    if draft.admin_role_arns:
        cluster["admin_role_arns"] = draft.admin_role_arns
    if draft.upgrade_policy is not None:
        cluster["upgrade_policy"] = draft.upgrade_policy
    if draft.addons:
        cluster["addons"] = draft.addons
    if draft.system is not None:
        cluster["system_nodes"] = {
            "instance_types": list(draft.system.instance_types),
            "min_size": draft.system.min_size,
            "max_size": draft.system.max_size,
            "desired_size": draft.system.desired_size,
        }
    return cluster


def _check_what_synthesis_would_refuse(draft: Draft, side: SideInputs) -> None:
    """Refuse a reservation of a type that no source says can be reserved; racks get the version that they need."""
    for pool in draft.pools:
        reservable = pool.instance_type.supports_on_demand_capacity_reservation
        if pool.purchase == "reservation" and not reservable:
            draft.refuse(
                f"{pool.place}: capacity reservation {pool.reservation_id or ''}".rstrip(),
                "a type that can be reserved on demand by what AWS documents",
                "of a capacity block, set the market type capacity-block in the file; or take the reservation out, for "
                f"nodes on demand; or leave the group out: --without {pool.name}",
                got=f"of {pool.instance_type}",
            )
    version = draft.kubernetes_version
    racks = [pool.name for pool in draft.pools if pool.instance_type.is_grace]
    if version is None or not racks or parse_kubernetes_version(version) >= RESOURCE_CLAIMS_MINIMUM_VERSION:
        return
    needed = spelled(RESOURCE_CLAIMS_MINIMUM_VERSION)
    if side.adopt:
        draft.refuse(
            "cluster.kubernetes_version", f"{needed} or newer", f"{racks[0]} needs it: upgrade the cluster", got=version
        )
        return
    draft.note(
        f"cluster.kubernetes_version {version}",
        f"not carried over: {racks[0]} needs {needed} or newer; the environment has the library's version",
    )
    draft.kubernetes_version = None


def _check_options(draft: Draft, side: SideInputs) -> None:
    """Refuse options that name a pool, a reservation or a zone that isn't there."""
    names = {pool.name for pool in draft.pools}
    by_option = {"--zone": side.zones, "--nodes": side.nodes, "--workload": side.workloads, "--fabric": side.fabrics}
    wrong = [(option, name) for option, values in by_option.items() for name in values if name and name not in names]
    wrong += [("--block", block.pool_name) for block in side.blocks if block.pool_name and block.pool_name not in names]
    for option, name in wrong:
        listed = ", ".join(sorted(names)) or "(none)"
        draft.refuse(option, f"one of the pools {listed}", "correct the name", got=f"for {name!r}")
    region = draft.region or side.region
    for zone in (zone for zones in side.zones.values() for zone in zones):
        if not is_zone(zone) or (region is not None and region_of_zone(zone) != region):
            draft.refuse("--zone", f"a zone of {region or 'the region'}", "pass its name", got=repr(zone))
    reservations = {pool.reservation_id for pool in draft.pools if pool.reservation_id is not None}
    for block in side.blocks:
        if block.pool_name is None and block.capacity_reservation_id not in reservations:
            listed = ", ".join(sorted(reservations)) or "it names none"
            draft.refuse(
                "--block",
                f"a reservation of {draft.file} ({listed})",
                "name the pool that it is for: --block POOL=cr-…:COUNT:START:END",
                got=block.capacity_reservation_id,
            )
