"""Registry of hazards: every rule, and all hazards of a change."""

from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.review import (
    access_hazards,
    block_hazards,
    cluster_hazards,
    efa_hazards,
    exposure,
    launch_hazards,
    metadata_hazards,
    network_hazards,
    new_rights,
    other_fleets,
    pool_hazards,
    removal_hazards,
    reservation_hazards,
    resource_hazards,
    size_hazards,
)
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.hazard import Hazard, HazardRule, Level

HAZARD_RULES: Final[tuple[HazardRule, ...]] = (
    *removal_hazards.RULES,
    *pool_hazards.RULES,
    *launch_hazards.RULES,
    *efa_hazards.RULES,
    *reservation_hazards.RULES,
    *size_hazards.RULES,
    *resource_hazards.RULES,
    *network_hazards.RULES,
    *exposure.RULES,
    *access_hazards.RULES,
    *new_rights.RULES,
    *cluster_hazards.RULES,
    *block_hazards.RULES,
    *other_fleets.RULES,
    *metadata_hazards.RULES,
)
"""Every rule, in the order in which they are documented and reported."""

_ORDER: Final = list(Level)


def _of_rule(rule: HazardRule, compared: Comparison) -> list[Hazard]:
    try:
        return list(rule.hazards(compared))
    except FleetError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise FleetError(
            path=f"{compared.base.label} or {compared.head.label}",
            verb="can't be reviewed:",
            got=f"values that rule {rule.id} can't read ({type(error).__name__})",
            expected="templates that CloudFormation takes",
            remedy="correct them, or report it if CloudFormation does",
        ) from error


def hazards(compared: Comparison, rules: tuple[HazardRule, ...] = HAZARD_RULES) -> list[Hazard]:
    """Hazards of a change, by level, then by rule, then in the order of pools and resources.

    Args:
        compared: both revisions.
        rules: rules that are applied. Default: all.

    Raises:
        FleetError: a rule can't read a template.
    """
    found = [hazard for rule in rules for hazard in _of_rule(rule, compared)]
    return sorted(dict.fromkeys(found), key=lambda hazard: _ORDER.index(hazard.level))
