"""Local Zones of an environment, which an account has to opt in to."""

from dataclasses import dataclass

from ultrafleet.environment.models import Environment
from ultrafleet.rules.zones import is_local_zone, zone_group


@dataclass(frozen=True, kw_only=True)
class ZoneGroup:
    """Group of Local Zones in which an environment has subnets.

    Attributes:
        name: of the group, `us-east-1-dfw-2`.
        zones: its zones in which there are subnets, by name.
        subnets: names of the subnets, in the order of the file.
    """

    name: str
    zones: tuple[str, ...]
    subnets: tuple[str, ...]

    @property
    def command(self) -> str:
        """Command that opts the account of its credentials in."""
        return f"aws ec2 modify-availability-zone-group --group-name {self.name} --opt-in-status opted-in"


def local_zone_groups(environment: Environment) -> list[ZoneGroup]:
    """Groups that the environment's account has to be opted in to, by name.

    Args:
        environment: the environment.
    """
    local = [item for item in environment.network.subnets if is_local_zone(item.availability_zone)]
    found = []
    for name in sorted({zone_group(item.availability_zone) for item in local}):
        members = [item for item in local if zone_group(item.availability_zone) == name]
        found.append(
            ZoneGroup(
                name=name,
                zones=tuple(sorted({item.availability_zone for item in members})),
                subnets=tuple(item.name for item in members),
            )
        )
    return found
