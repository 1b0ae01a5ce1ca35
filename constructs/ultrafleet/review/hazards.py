"""All hazards, the worst first."""

from typing import Final

from ultrafleet.review.access_hazards import access_hazards
from ultrafleet.review.block_hazards import block_hazards
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.exposure import exposure_hazards
from ultrafleet.review.hazard import Hazard, Level
from ultrafleet.review.pool_hazards import pool_hazards
from ultrafleet.review.resource_hazards import resource_hazards

_ORDER: Final = list(Level)


def hazards(compared: Comparison) -> list[Hazard]:
    """What may go wrong, by level, then in the order of pools and resources."""
    found = [
        *pool_hazards(compared),
        *resource_hazards(compared),
        *exposure_hazards(compared),
        *access_hazards(compared),
        *block_hazards(compared),
    ]
    return sorted(dict.fromkeys(found), key=lambda hazard: _ORDER.index(hazard.level))
