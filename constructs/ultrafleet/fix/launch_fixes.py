"""Fixes of launch templates: interfaces, metadata, keys, placement, market."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog import InstanceType
from ultrafleet.errors import FleetError
from ultrafleet.fix.edits import Append, Edit, Path, Put, Remove
from ultrafleet.fix.fix_of_rule import Faulty, Fix
from ultrafleet.fix.places import branches, is_function, members, parameter_at, properties, stated, written
from ultrafleet.fix.tree import CannotEditError
from ultrafleet.layout import (
    Interface,
    available_intents,
    efa_layout,
    efa_shortfall,
    layout_violations,
)
from ultrafleet.templates.launch import BLOCK_MARKET, LAUNCH_TEMPLATE, Launch, as_int, is_true
from ultrafleet.templates.node_group import groups, types_launched

DATA: Final = "LaunchTemplateData"
_INTERFACES: Final = "NetworkInterfaces"
_OF_ALL: Final = ("Groups", "SubnetId", "DeleteOnTermination")


def data_path(faulty: Faulty, *parts: str | int) -> Path:
    """Path below a launch template's data, or the properties of another resource that launches."""
    data = (DATA,) if faulty.resource.type == LAUNCH_TEMPLATE else ()
    return properties(faulty.logical_id, *data, *parts)


def _layout(faulty: Faulty) -> Iterator[Edit]:
    """Cells of the interfaces that are there, what is missing at the end, and what is too many taken out."""
    path = data_path(faulty, _INTERFACES)
    rows = written(faulty.template, path)
    kinds = types_launched(faulty.template).get(faulty.logical_id, [])
    launch = Launch(faulty.resource)
    present = launch.layout
    if not isinstance(rows, list) or not isinstance(present, list) or len(rows) != len(present) or len(kinds) != 1:
        raise CannotEditError("interfaces, or a type, that aren't written there")
    wanted = _wanted(kinds[0], present)
    free = [cell for cell in wanted if cell not in present]
    kept: set[Interface] = set()
    surplus: list[int] = []
    for number, (row, cell) in enumerate(zip(rows, present, strict=True)):
        if not isinstance(row, Mapping) or len(row) == 1:
            raise CannotEditError("a function in the place of an interface")
        if cell in wanted and cell not in kept:
            kept.add(cell)
        elif free:
            yield from _cells((*path, number), cell, free.pop(0))
        else:
            surplus.append(number)
    yield from (Remove((*path, number)) for number in reversed(surplus))
    if free:
        shared = {key: rows[0][key] for key in _OF_ALL if key in rows[0]}
        yield Append(
            path,
            tuple(
                {
                    "NetworkCardIndex": cell.card,
                    "DeviceIndex": cell.device,
                    "InterfaceType": cell.interface_type,
                    **shared,
                }
                for cell in free
            ),
        )


def _wanted(kind: InstanceType, present: list[Interface]) -> tuple[Interface, ...]:
    """The derived layout with the whole bandwidth: the one that is nearest to what is there."""
    try:
        layouts = [efa_layout(kind, intent) for intent in available_intents(kind)]
    except FleetError as error:
        raise CannotEditError("a type without a derived layout") from error
    whole = [
        layout for layout in layouts if not layout_violations(kind, layout) and efa_shortfall(kind, layout) is None
    ]
    if not whole:
        raise CannotEditError("a type without a derived layout")
    return max(whole, key=lambda layout: len(set(layout) & set(present)))


def _cells(path: Path, old: Interface, new: Interface) -> Iterator[Edit]:
    if old.card != new.card:
        yield Put((*path, "NetworkCardIndex"), new.card)
    if old.device != new.device:
        yield Put((*path, "DeviceIndex"), new.device)
    if old.interface_type != new.interface_type:
        yield Put((*path, "InterfaceType"), new.interface_type)


def _interfaces(faulty: Faulty) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path in members(faulty.template, data_path(faulty, _INTERFACES)):
        row = written(faulty.template, path)
        if isinstance(row, Mapping) and not is_function(row):
            yield path, row


def _no_efa_type(faulty: Faulty) -> Iterator[Edit]:
    for path, row in _interfaces(faulty):
        if row.get("InterfaceType") in ("efa", "efa-only"):
            yield Put((*path, "InterfaceType"), "interface")


def _ends_with_its_instance(faulty: Faulty) -> Iterator[Edit]:
    rows = list(_interfaces(faulty))
    kept = [path for path, row in rows if str(row.get("DeleteOnTermination")).lower() == "false"]
    silent = [
        path for path, row in rows if row.get("DeleteOnTermination") is None and row.get("NetworkInterfaceId") is None
    ]
    yield from (Put((*path, "DeleteOnTermination"), True) for path in (*kept, *silent))


def _no_public_address(faulty: Faulty) -> Iterator[Edit]:
    for path, row in _interfaces(faulty):
        if is_true(row.get("AssociatePublicIpAddress")):
            yield Remove((*path, "AssociatePublicIpAddress"))


def _groups_on_interfaces(faulty: Faulty) -> Iterator[Edit]:
    """Groups of the template on the interfaces that state none; the list that EC2 refuses beside them goes."""
    path = data_path(faulty, "SecurityGroupIds")
    of_template = written(faulty.template, path)
    rows = list(_interfaces(faulty))
    if not isinstance(of_template, list) or not all(isinstance(row.get("Groups", []), list) for _, row in rows):
        return
    for place, row in rows:
        missing = [group for group in of_template if group not in row.get("Groups", [])]
        if missing:
            yield Append((*place, "Groups"), tuple(missing)) if row.get("Groups") else Put((*place, "Groups"), missing)
    yield Remove(path)


def _tokens(faulty: Faulty) -> Iterator[Edit]:
    for path in stated(faulty.template, data_path(faulty, "MetadataOptions", "HttpTokens")):
        yield Put(path, "required")


def _hops(faulty: Faulty) -> Iterator[Edit]:
    for path in stated(faulty.template, data_path(faulty, "MetadataOptions", "HttpPutResponseHopLimit")):
        yield Put(path, 1)


def _no_key(faulty: Faulty) -> Iterator[Edit]:
    for key in ("KeyName",):
        path = data_path(faulty, key)
        if written(faulty.template, path) is not None:
            yield Remove(path)


def _no_placement(faulty: Faulty) -> Iterator[Edit]:
    if faulty.resource.type != LAUNCH_TEMPLATE:
        path = properties(faulty.logical_id, "PlacementGroup")
        if written(faulty.template, path) is not None:
            yield Remove(path)
        return
    path = data_path(faulty, "Placement")
    placement = written(faulty.template, path)
    stated_here = [key for key in ("GroupName", "GroupId") if isinstance(placement, Mapping) and key in placement]
    if stated_here and len(stated_here) == len(placement):
        yield Remove(path)
    else:
        yield from (Remove((*path, key)) for key in stated_here)


def _market(faulty: Faulty) -> Iterator[Edit]:
    launch = Launch(faulty.resource)
    specification = data_path(faulty, "CapacityReservationSpecification", "CapacityReservationPreference")
    kinds = types_launched(faulty.template).get(faulty.logical_id, [])
    only_blocks = any(set(kind.purchase_options or ()) == {BLOCK_MARKET} for kind in kinds)
    target = data_path(faulty, "CapacityReservationSpecification", "CapacityReservationTarget", "CapacityReservationId")
    if launch.market == BLOCK_MARKET and launch.reservation is None:
        for path in branches(faulty.template, target):
            name = parameter_at(faulty.template, path)
            if name is not None:
                yield Remove(("Parameters", name, "Default"))
    elif launch.market == BLOCK_MARKET:
        if written(faulty.template, specification) is not None:
            yield Remove(specification)
    elif only_blocks and launch.reservation is not None:
        for path in branches(faulty.template, data_path(faulty, "InstanceMarketOptions", "MarketType")):
            yield Put(path, BLOCK_MARKET)


def _belongs_to_the_node_group(faulty: Faulty) -> Iterator[Edit]:
    for finding in faulty.findings:
        if "IamInstanceProfile" in finding.message:
            yield Remove(data_path(faulty, "IamInstanceProfile"))
        elif "states SubnetId" in finding.message:
            yield from (Remove((*path, "SubnetId")) for path, row in _interfaces(faulty) if "SubnetId" in row)
        elif "MarketType is spot" in finding.message and Launch(faulty.resource).reservation is None:
            yield Remove(data_path(faulty, "InstanceMarketOptions"))
            for group in groups(faulty.template):
                if group.launch is not None and group.launch.resource.logical_id == faulty.logical_id:
                    yield Put(properties(group.logical_id, "CapacityType"), "SPOT")


def _cluster_group(faulty: Faulty) -> Iterator[Edit]:
    if isinstance(written(faulty.template, data_path(faulty, "SecurityGroupIds")), list):
        clusters = [item.logical_id for item in faulty.template.of_type("AWS::EKS::Cluster")]
        if len(clusters) == 1:
            own = {"Fn::GetAtt": [clusters[0], "ClusterSecurityGroupId"]}
            yield Append(data_path(faulty, "SecurityGroupIds"), (own,))
        return
    for place in members(faulty.template, data_path(faulty, _INTERFACES)):
        row = written(faulty.template, place)
        first = isinstance(row, Mapping) and (
            as_int(row.get("NetworkCardIndex", 0)),
            as_int(row.get("DeviceIndex", 0)),
        ) == (0, 0)
        clusters = [item.logical_id for item in faulty.template.of_type("AWS::EKS::Cluster")]
        if first and len(clusters) == 1 and isinstance(row.get("Groups"), list):
            yield Append((*place, "Groups"), ({"Fn::GetAtt": [clusters[0], "ClusterSecurityGroupId"]},))


def _device_names(faulty: Faulty) -> Iterator[Edit]:
    for path in members(faulty.template, data_path(faulty, "BlockDeviceMappings")):
        name = written(faulty.template, (*path, "DeviceName"))
        if name in ("xvda", "xvdb"):
            yield Put((*path, "DeviceName"), f"/dev/{name}")


_DERIVED: Final = "interfaces as the derived layout of the type has them; groups and subnet of the first one"
FIXES: Final = (
    Fix("efa-layout", _DERIVED, _layout),
    Fix("efa-bandwidth", _DERIVED, _layout),
    Fix("no-efa", _DERIVED, _layout),
    Fix("efa-type", "InterfaceType: interface", _no_efa_type),
    Fix("interfaces-outlive", "DeleteOnTermination: true", _ends_with_its_instance),
    Fix("public-ip", "AssociatePublicIpAddress taken out", _no_public_address),
    Fix("security-groups-twice", "SecurityGroupIds moved to the Groups of each interface", _groups_on_interfaces),
    Fix("imdsv2", "HttpTokens: required", _tokens),
    Fix(
        "imds-hop-limit",
        "HttpPutResponseHopLimit: 1",
        _hops,
        after="pods that took the node's role need one of their own, by EKS Pod Identity",
    ),
    Fix("ssh-key", "KeyName taken out", _no_key),
    Fix("placement-with-block", "the placement group taken out", _no_placement),
    Fix(
        "market-and-reservation",
        "capacity-block for types that are sold only so, if a reservation is targeted; a preference beside it taken "
        "out, and the default of a parameter that names no reservation",
        _market,
    ),
    Fix(
        "node-group-launch-template",
        "instance profile and subnet taken out; spot moved to the node group's CapacityType",
        _belongs_to_the_node_group,
    ),
    Fix("bottlerocket", "/dev/ before xvda and xvdb", _device_names),
    Fix("cluster-security-group", "the cluster's group added to the first interface", _cluster_group),
)
