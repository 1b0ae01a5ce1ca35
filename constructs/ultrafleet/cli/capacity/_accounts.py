"""Accounts of environments, as the credentials that are passed reach them."""

from collections.abc import Sequence

from ultrafleet.cli._refusal import refuse
from ultrafleet.cli.capacity._places import places
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError
from ultrafleet.offers import Greeted, greet


def accounts_of(
    environments: Sequence[Environment], *, profiles: Sequence[str] = (), roles: Sequence[str] = ()
) -> dict[str, Greeted]:
    """Account and region of each environment, by the environment's name; exit 2 where one can't be asked.

    Args:
        environments: the environments.
        profiles: names of profiles of the AWS configuration.
        roles: ARNs of roles to assume.

    Raises:
        FleetError: boto3 isn't installed, or there is no such region.
    """
    greeted, failed = greet(places([item.region for item in environments], profiles=profiles, roles=roles))
    by_place = {(one.account, one.place.region): one for one in reversed(greeted)}
    missing = [item for item in environments if (item.account, item.region) not in by_place]
    if missing:
        have = sorted({one.account for one in greeted})
        wrong = [
            FleetError(
                path=f"the account of {item.name}",
                got="none of those of the credentials" if have else "not reached",
                expected=f"{item.account}; they are {', '.join(have)}" if have else item.account,
                remedy="choose another profile or role with --profile or --role",
            )
            for item in missing
        ]
        refuse(*failed, *(wrong if have or not failed else ()))
    return {item.name: by_place[item.account, item.region] for item in environments}
