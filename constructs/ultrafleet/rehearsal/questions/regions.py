"""DescribeRegions: the regions that the account has enabled, or with AllRegions all of the partition."""

from typing import Any, Final

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from ultrafleet.rehearsal.ec2.api.operations import add_operation
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_NOT_ENABLED: Final = "not-opted-in"


class Regions:
    """Regions that an account has enabled beside those that every account has."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.disabled: set[str] = set()


def install() -> None:
    """Add the operation to moto's EC2."""
    add_operation("DescribeRegions", _describe)


def _describe(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    disabled = SIMULATED_ACCOUNT.part(Regions, account_id, region).disabled
    regions = [
        {
            "RegionName": item.name,
            "Endpoint": item.endpoint,
            "OptInStatus": _NOT_ENABLED if item.name in disabled else item.opt_in_status,
        }
        for item in RegionsAndZonesBackend.regions
    ]
    if str(params.get("AllRegions", "false")).lower() != "true":
        regions = [item for item in regions if item["OptInStatus"] != _NOT_ENABLED]
    wanted = params.get("RegionNames") or []
    missing = sorted(set(wanted) - {item["RegionName"] for item in regions})
    if missing:
        raise Refusal("InvalidParameterValue", f"Invalid region names: [{missing[0]}]")
    return {"Regions": [item for item in regions if not wanted or item["RegionName"] in wanted]}
