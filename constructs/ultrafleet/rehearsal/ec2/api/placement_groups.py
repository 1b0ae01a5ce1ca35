"""Operations on placement groups."""

from typing import Any, Final

from moto.ec2.utils import random_id

from ultrafleet.catalog.limits import PARTITIONS_PER_PLACEMENT_GROUP
from ultrafleet.rehearsal.ec2.api.operations import add_operation, filtered
from ultrafleet.rehearsal.ec2.state.moto_backend import put_tags, specified_tags
from ultrafleet.rehearsal.ec2.state.placement_groups import PlacementGroupRecord, PlacementGroups
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_FILTERS: Final = ("group-arn", "group-name", "spread-level", "state", "strategy")


def install() -> None:
    """Add the operations to moto's EC2."""
    add_operation("CreatePlacementGroup", create)
    add_operation("DescribePlacementGroups", describe)
    add_operation("DeletePlacementGroup", delete)


def create(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """CreatePlacementGroup."""
    groups = SIMULATED_ACCOUNT.part(PlacementGroups, account_id, region)
    name, strategy = params.get("GroupName"), params.get("Strategy")
    if not name:
        raise Refusal("MissingParameter", "The request must contain the parameter GroupName")
    if name in groups.by_name:
        raise Refusal("InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists.")
    partitions = params.get("PartitionCount")
    if strategy not in _STRATEGIES:
        raise Refusal("InvalidParameterValue", f"Invalid value '{strategy}' for Strategy.")
    if partitions is not None and (strategy != "partition" or not 1 <= int(partitions) <= _MAX_PARTITIONS):
        raise Refusal("InvalidParameterValue", f"Invalid value '{partitions}' for PartitionCount.")
    group_id = str(random_id("pg"))
    group = PlacementGroupRecord(
        name=name,
        id=group_id,
        arn=f"arn:aws:ec2:{region}:{account_id}:placement-group/{name}",
        strategy=strategy,
        partition_count=int(partitions or 1) if strategy == "partition" else None,
        spread_level=params.get("SpreadLevel", "rack") if strategy == "spread" else None,
    )
    groups.by_name[name] = group
    put_tags(account_id, region, group_id, specified_tags(params, "placement-group"))
    return {"PlacementGroup": groups.answer(group)}


def describe(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribePlacementGroups."""
    groups = SIMULATED_ACCOUNT.part(PlacementGroups, account_id, region)
    wanted = [*(params.get("GroupNames") or []), *(params.get("GroupIds") or [])]
    found = [groups.get(one) for one in wanted] if wanted else list(groups.by_name.values())
    return {"PlacementGroups": filtered((groups.answer(group) for group in found), params, _FILTERS)}


def delete(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DeletePlacementGroup: refused while instances or reservations are in it (EC2 user guide, high)."""
    groups = SIMULATED_ACCOUNT.part(PlacementGroups, account_id, region)
    group = groups.get(params["GroupName"])
    if groups.is_used(group):
        raise Refusal(
            "InvalidPlacementGroup.InUse", f"The placement group '{group.name}' is in use and may not be deleted."
        )
    del groups.by_name[group.name]
    return {}


_STRATEGIES: Final = ("cluster", "spread", "partition", "precision-time")


_MAX_PARTITIONS: Final = PARTITIONS_PER_PLACEMENT_GROUP.value
