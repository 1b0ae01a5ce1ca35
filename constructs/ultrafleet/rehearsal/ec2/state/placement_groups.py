"""Placement groups."""

from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.rehearsal.ec2.state.moto_backend import backend, tags_of
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_RESERVABLE: Final = ("cluster", "precision-time")
"""Strategies that a reservation can be made in (EC2 user guide, Capacity Reservations with placement groups, high)."""


@dataclass(frozen=True, kw_only=True)
class PlacementGroupRecord:
    """Placement group.

    Attributes:
        name: its name, unique in account and region.
        id: `pg-…`.
        arn: its ARN.
        strategy: `cluster`, `spread`, `partition` or `precision-time`.
        partition_count: partitions of a partition group.
        spread_level: `rack` or `host` of a spread group.
    """

    name: str
    id: str
    arn: str
    strategy: str
    partition_count: int | None
    spread_level: str | None


class PlacementGroups:
    """Placement groups of an account and region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.by_name: dict[str, PlacementGroupRecord] = {}

    def find(self, name_or_id: str) -> PlacementGroupRecord | None:
        """A group by its name, id or ARN, or None."""
        found = (group for group in self.by_name.values() if name_or_id in (group.name, group.id, group.arn))
        return next(found, None)

    def get(self, name_or_id: str) -> PlacementGroupRecord:
        """A group by its name, id or ARN.

        Raises:
            Refusal: there is none.
        """
        found = self.find(name_or_id)
        if found is None:
            raise Refusal("InvalidPlacementGroup.Unknown", f"The Placement Group '{name_or_id}' is unknown.")
        return found

    def for_reservation(self, arn: str) -> PlacementGroupRecord:
        """Group of a strategy that allows reservations.

        Raises:
            Refusal: there is none of that ARN, or its strategy takes no reservations.
        """
        found = self.get(arn)
        if found.strategy not in _RESERVABLE:
            # That it is refused: high; code and message inferred.
            raise Refusal(
                "InvalidParameterValue",
                f"Capacity Reservations are not supported in placement group '{found.name}' with strategy "
                f"{found.strategy}.",
            )
        return found

    def is_used(self, group: PlacementGroupRecord) -> bool:
        """True where instances, or a reservation that isn't over, are in the group."""
        from ultrafleet.rehearsal.ec2.state.reservations import Reservations  # noqa: PLC0415 - they name each other

        instances = (
            item for held in backend(self.account_id, self.region).reservations.values() for item in held.instances
        )
        if any(item.placement.group_name == group.name and item.state != "terminated" for item in instances):
            return True
        reservations = SIMULATED_ACCOUNT.part(Reservations, self.account_id, self.region).by_id.values()
        return any(
            item.placement_group_arn == group.arn and item.state(SIMULATED_ACCOUNT.now) not in ("expired", "cancelled")
            for item in reservations
        )

    def answer(self, group: PlacementGroupRecord) -> dict[str, Any]:
        """Description of a group by the API."""
        answer: dict[str, Any] = {
            "GroupName": group.name,
            "GroupId": group.id,
            "GroupArn": group.arn,
            "State": "available",
            "Strategy": group.strategy,
            "Tags": tags_of(self.account_id, self.region, group.id),
        }
        if group.partition_count is not None:
            answer["PartitionCount"] = group.partition_count
        if group.spread_level is not None:
            answer["SpreadLevel"] = group.spread_level
        return answer
