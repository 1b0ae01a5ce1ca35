"""Instance types of the catalog that moto's captured answers lack."""

from typing import Any, Final

from moto.ec2.models.instance_types import (
    INSTANCE_TYPE_OFFERINGS,
    INSTANCE_TYPES,
    InstanceTypeBackend,
    InstanceTypeOfferingBackend,
)
from moto.ec2.models.instance_types import InstanceType as MotoInstanceType

from ultrafleet.catalog import InstanceType, InstanceTypeFacts, NetworkCard, UltraServerType
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.ec2.state.zones import zone_id
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rules.zones import region_of_zone

_MIB = 1024
_OFFERINGS_OF_MOTO: Final = InstanceTypeOfferingBackend.describe_instance_type_offerings


class NotSold:
    """Types that EC2 doesn't sell in a zone, although the catalog or moto has them there: name and zone."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.places: set[tuple[str, str]] = set()


def _offerings(self: Any, location_type: str | None = None, filters: dict[str, Any] | None = None) -> list[Any]:
    places = SIMULATED_ACCOUNT.part(NotSold, self.account_id, self.region_name).places
    found = _OFFERINGS_OF_MOTO(self, location_type, filters)
    return [item for item in found if (item["InstanceType"], item["Location"]) not in places]


def install() -> None:
    """Add the catalog's types to DescribeInstanceTypes and DescribeInstanceTypeOfferings, once."""
    InstanceTypeOfferingBackend.describe_instance_type_offerings = _offerings  # type: ignore[method-assign]
    for entry in InstanceType.all():
        if entry.name is None:
            continue
        if entry.name not in INSTANCE_TYPES:
            INSTANCE_TYPES[entry.name] = _description(entry)
            InstanceTypeBackend.instance_types.append(MotoInstanceType(entry.name))
        for zone_name in entry.zones or ():
            _offer(entry.name, region_of_zone(zone_name), zone_name)
    for server in UltraServerType.all():
        if server.region and server.instance_type is not None and server.instance_type.name is not None:
            _offer(server.instance_type.name, server.region, None)


def catalog_type(name: str) -> InstanceType | None:
    """Catalog entry of a type, or None: the catalog has accelerated types only."""
    try:
        found = InstanceType.of(name)
    except FleetError:
        return None
    return found if found.name is not None else None


def is_known(name: str) -> bool:
    """True where the catalog or moto's captured answers have a type of that name."""
    return name in INSTANCE_TYPES or catalog_type(name) is not None


def architectures(name: str) -> tuple[str, ...]:
    """Processor architectures of a type; none where they are unknown."""
    entry = catalog_type(name)
    if entry is not None and entry.architecture is not None:
        return (entry.architecture,)
    found = INSTANCE_TYPES.get(name, {}).get("ProcessorInfo", {}).get("SupportedArchitectures", [])
    return tuple(found)


def _offer(name: str, region: str, zone_name: str | None) -> None:
    places = [("region", region)]
    if zone_name is not None:
        places += [("availability-zone", zone_name), ("availability-zone-id", zone_id(zone_name))]
    for location_type, location in places:
        offerings = INSTANCE_TYPE_OFFERINGS[location_type].setdefault(region, [])
        offering = {"InstanceType": name, "Location": location, "LocationType": location_type}
        if offering not in offerings:
            offerings.append(offering)


def _description(entry: InstanceType) -> dict[str, Any]:
    """Description of a type; facts that no source states are left out."""
    found: dict[str, Any] = {
        "InstanceType": entry.name,
        "CurrentGeneration": True,
        "BareMetal": False,
        "Hypervisor": "nitro",
        "SupportedUsageClasses": list(entry.purchase_options or ()),
        "SupportedVirtualizationTypes": ["hvm"],
        "SupportedRootDeviceTypes": ["ebs"],
        "InstanceStorageSupported": bool(entry.nvme_count),
    }
    if entry.vcpus is not None:
        found["VCpuInfo"] = {"DefaultVCpus": entry.vcpus}
    if entry.memory_gib is not None:
        found["MemoryInfo"] = {"SizeInMiB": entry.memory_gib * _MIB}
    if entry.architecture is not None:
        found["ProcessorInfo"] = {"SupportedArchitectures": [entry.architecture]}
    if entry.placement_group_strategies is not None:
        found["PlacementGroupInfo"] = {"SupportedStrategies": list(entry.placement_group_strategies)}
    if entry.nvme_count and entry.nvme_size_gb:
        disk = {"Count": entry.nvme_count, "SizeInGB": entry.nvme_size_gb, "Type": "ssd"}
        found["InstanceStorageInfo"] = {"Disks": [disk], "TotalSizeInGB": entry.nvme_count * entry.nvme_size_gb}
    if entry.accelerator_kind == "nvidia":
        found["GpuInfo"] = {
            "Gpus": [{"Name": entry.accelerator_name, "Manufacturer": "NVIDIA", "Count": entry.accelerator_count}]
        }
    found["NetworkInfo"] = _network(entry)
    return found


def _network(entry: InstanceType) -> dict[str, Any]:
    cards = entry.network_cards or ()
    efa = entry.max_efa_interfaces or max(entry.documented_efa_interface_counts or (0,))
    found: dict[str, Any] = {"EnaSupport": "required", "EfaSupported": bool(efa), "DefaultNetworkCardIndex": 0}
    if efa:
        found["EfaInfo"] = {"MaximumEfaInterfaces": efa}
    if entry.max_network_interfaces is not None:
        found["MaximumNetworkInterfaces"] = entry.max_network_interfaces
    if entry.ipv4_per_interface is not None:
        found["Ipv4AddressesPerInterface"] = entry.ipv4_per_interface
    if cards:
        found |= {"MaximumNetworkCards": len(cards), "NetworkCards": [_card(card) for card in cards]}
    return found


def _card(card: NetworkCard) -> dict[str, Any]:
    found: dict[str, Any] = {"NetworkCardIndex": card.index}
    if card.max_interfaces is not None:
        found["MaximumNetworkInterfaces"] = card.max_interfaces
    if card.baseline_gbps is not None:
        found["BaselineBandwidthInGbps"] = card.baseline_gbps
    return found


def network_limits(name: str) -> InstanceTypeFacts:
    """Interface limits of a type in moto's captured answers."""
    found = INSTANCE_TYPES.get(name, {}).get("NetworkInfo", {})
    efa = found.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0) if "EfaSupported" in found else None
    return InstanceTypeFacts(
        max_network_interfaces=found.get("MaximumNetworkInterfaces"),
        max_efa_interfaces=efa,
    )
