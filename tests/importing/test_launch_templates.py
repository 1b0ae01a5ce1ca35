"""What the comparison says of a pool's launch template, against the one that synthesis makes; each case synthesises."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.rehearsal_site import synthesised
from ultrafleet.importing import import_text, parse_side_inputs
from ultrafleet.importing.comparison import spelled
from ultrafleet.layout import Interface

CASES = Path(__file__).parent / "cases"
BLOCK = "2026-12-01T11:30Z:2026-12-15T11:30Z"
SIDES: dict[str, dict[str, Any]] = {
    "eksctl-1-p6-b200-block": {
        "account": "111122223333", "cidr": "10.20.0.0/16", "block": [f"cr-0123456789abcdef0:2:{BLOCK}"],
    },
    "eksctl-8-rack": {"account": "111122223333", "cidr": "10.64.0.0/16", "block": [f"cr-0aaaaaaaaaaaaaaa1:18:{BLOCK}"]},
    "pcluster-1-on-demand": {"account": "111122223333", "cidr": "10.40.0.0/16", "zone": ["us-west-2d"]},
    "terraform-1-odcr": {"account": "111122223333", "cidr": "10.50.0.0/16", "nodes": ["4"]},
    "aicr-6-gb300-efa": {"fabric": ["efa"], "block": [f"cr-0aaaaaaaaaaaaaaa1:18:{BLOCK}"]},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", SIDES)
def test_the_comparison_says_what_synthesis_makes(case: str) -> None:
    source = next(path for path in (CASES / case).iterdir() if path.stem in {"input", "plan"})
    side = parse_side_inputs(workload=["training"], **SIDES[case])
    found = import_text(source.read_text(encoding="utf-8"), file=source.name, side=side)
    _, stacks = synthesised(found.text, found.name)
    templates = [
        resource["Properties"]["LaunchTemplateData"]
        for stack in stacks
        for resource in json.loads(stack.template)["Resources"].values()
        if resource["Type"] == "AWS::EC2::LaunchTemplate"
        and "NetworkInterfaces" in resource["Properties"]["LaunchTemplateData"]
    ]
    (pool,) = found.environment.pools
    (made,) = [item for item in templates if item.get("InstanceType") == str(pool.instance)]
    said = {item.property_name: item.here for item in found.differences}
    interfaces = [
        Interface(item["NetworkCardIndex"], item["DeviceIndex"], item["InterfaceType"])
        for item in made["NetworkInterfaces"]
    ]
    ebs, metadata = made["BlockDeviceMappings"][0]["Ebs"], made["MetadataOptions"]
    target = made.get("CapacityReservationSpecification", {}).get("CapacityReservationTarget", {})
    real = {
        "InstanceType": made["InstanceType"],
        "NetworkInterfaces": spelled(interfaces),
        "InstanceMarketOptions.MarketType": made.get("InstanceMarketOptions", {}).get("MarketType", "none"),
        "CapacityReservationTarget": target.get("CapacityReservationId", "none"),
        "Placement.GroupName": "a cluster placement group" if made.get("Placement") else "none",
        "BlockDeviceMappings.VolumeSize": str(ebs["VolumeSize"]),
        "BlockDeviceMappings.VolumeType": ebs["VolumeType"],
        "BlockDeviceMappings.Encrypted": str(ebs["Encrypted"]).lower(),
        "MetadataOptions.HttpTokens": metadata["HttpTokens"],
        "MetadataOptions.HttpPutResponseHopLimit": str(metadata["HttpPutResponseHopLimit"]),
    }
    compared = {name: value for name, value in real.items() if name in said}
    assert compared == {name: said[name] for name in compared}
    assert len(compared) >= 3
