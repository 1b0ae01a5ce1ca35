"""Programme files: targets, contracted deliveries and assumptions over years. No import of aws_cdk."""

from ultrafleet.programme.loading import ProgrammeFileError, load_programme
from ultrafleet.programme.models import (
    LaterBlocksSettings,
    LimitSettings,
    Programme,
    ReservationSupplySettings,
    SiteSettings,
    TrancheSettings,
)
from ultrafleet.programme.slip import SlipSettings

__all__ = [
    "LaterBlocksSettings",
    "LimitSettings",
    "Programme",
    "ProgrammeFileError",
    "ReservationSupplySettings",
    "SiteSettings",
    "SlipSettings",
    "TrancheSettings",
    "load_programme",
]
