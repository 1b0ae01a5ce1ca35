"""Members of resource groups of capacity reservations."""

from collections.abc import Iterable

from moto.resourcegroups.models import resourcegroups_backends

from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


class ReservationGroups:
    """Members of the resource groups of an account and region; moto keeps the groups without any."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self._members: dict[str, list[str]] = {}

    def set_members(self, arn: str, ids: Iterable[str]) -> None:
        """Set the members of a group.

        Args:
            arn: ARN of the group.
            ids: `cr-…` of its reservations, or their ARNs, in the order in which they are tried.
        """
        self._members[arn] = [one.rpartition("/")[2] for one in ids]

    def members(self, arn: str) -> list[str]:
        """`cr-…` of a group's reservations; none for a group without members."""
        return list(self._members.get(arn, ()))

    def forget(self, arn: str) -> None:
        """Forget a deleted group."""
        self._members.pop(arn, None)

    def knows(self, arn: str) -> bool:
        """True where the members of the group were set."""
        return arn in self._members


def group_members(account_id: str, region: str, group_arn: str) -> list[str]:
    """Capacity reservations in a resource group."""
    return SIMULATED_ACCOUNT.part(ReservationGroups, account_id, region).members(group_arn)


def group_exists(account_id: str, region: str, group_arn: str) -> bool:
    """True where the resource group exists."""
    if SIMULATED_ACCOUNT.part(ReservationGroups, account_id, region).knows(group_arn):
        return True
    return any(group.arn == group_arn for group in resourcegroups_backends[account_id][region].groups.by_arn.values())
