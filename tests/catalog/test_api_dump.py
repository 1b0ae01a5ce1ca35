"""Facts that the catalog has from DescribeInstanceTypes are what moto's captured answers say."""

import csv
import gzip
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ultrafleet.catalog import InstanceType
from ultrafleet.layout import efa_layout

MISSING_TYPES = (
    Path(os.environ.get("ULTRAFLEET_REFERENCE", Path(__file__).parent.parent.parent.parent / "shared" / "reference"))
    / "missing_types.csv"
)
ANSWERS: dict[str, dict[str, Any]] = json.loads(
    gzip.decompress((files("moto") / "ec2" / "resources" / "instance_types.json.gz").read_bytes())
)
OF_THE_DUMP = [item for item in InstanceType.all() if str(item) in ANSWERS]
_MIB = 1024


def expected(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer by the names of the catalog's facts."""
    network, processor, ebs = answer["NetworkInfo"], answer["ProcessorInfo"], answer["EbsInfo"]
    disks = answer.get("InstanceStorageInfo", {}).get("Disks", [])
    return {
        "vcpus": answer["VCpuInfo"]["DefaultVCpus"],
        "physical_cores": answer["VCpuInfo"]["DefaultCores"],
        "memory_gib": answer["MemoryInfo"]["SizeInMiB"] / _MIB,
        "architecture": processor["SupportedArchitectures"][0],
        "cpu_vendor": processor["Manufacturer"],
        "nvme_count": disks[0]["Count"] if disks else 0,
        "nvme_size_gb": disks[0]["SizeInGB"] if disks else None,
        "ebs_baseline_mbps": ebs["EbsOptimizedInfo"]["BaselineBandwidthInMbps"],
        "ebs_max_attachments": ebs["MaximumEbsAttachments"],
        "network_card_count": network["MaximumNetworkCards"],
        "max_network_interfaces": network["MaximumNetworkInterfaces"],
        "max_efa_interfaces": network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        "ipv4_per_interface": network["Ipv4AddressesPerInterface"],
        "ipv6_per_interface": network["Ipv6AddressesPerInterface"],
        "network_performance": network["NetworkPerformance"],
        "ena_express": network["EnaSrdSupported"],
        "tcp_established_timeout_s": network["ConnectionTrackingConfiguration"]["DefaultTcpEstablishedTimeout"],
        "secondary_network_supported": network["SecondaryNetworkSupported"],
        "purchase_options": tuple(sorted(answer["SupportedUsageClasses"])),
        "placement_group_strategies": tuple(answer["PlacementGroupInfo"]["SupportedStrategies"]),
        "boot_modes": tuple(answer["SupportedBootModes"]),
        "nitro_tpm": answer["NitroTpmSupport"],
    }


@pytest.mark.parametrize("instance_type", OF_THE_DUMP, ids=str)
def test_facts_are_those_of_the_api(instance_type: InstanceType) -> None:
    stated = expected(ANSWERS[str(instance_type)])
    assert {name: getattr(instance_type, name) for name in stated} == stated


@pytest.mark.parametrize("instance_type", OF_THE_DUMP, ids=str)
def test_cards_are_those_of_the_api(instance_type: InstanceType) -> None:
    cards = [
        (card.index, card.interface_types, card.max_interfaces, card.baseline_gbps)
        for card in instance_type.network_cards or ()
    ]
    assert cards == [
        (
            card["NetworkCardIndex"],
            tuple(card["InterfaceTypes"]),
            card["MaximumNetworkInterfaces"],
            card["BaselineBandwidthInGbps"],
        )
        for card in ANSWERS[str(instance_type)]["NetworkInfo"]["NetworkCards"]
    ]


@pytest.mark.skipif(not MISSING_TYPES.exists(), reason=f"the table of types is not at {MISSING_TYPES}")
def test_layouts_by_the_general_rule_are_those_of_the_table() -> None:
    rows = [
        row
        for row in csv.DictReader(MISSING_TYPES.read_text().splitlines())
        if row["layout_derivable_from_moto_5.2.5"] == "yes"
    ]
    assert len(rows) == 31
    for row in rows:
        layout = efa_layout(InstanceType.of(row["type"]))
        shown = ", ".join(f"{one.card}/{one.device} {one.interface_type}" for one in layout)
        assert shown == row["ip_saving_layout_by_the_general_rule"], row["type"]
