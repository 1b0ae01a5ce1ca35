"""Programme files: targets, contracted deliveries and assumptions over years. No import of aws_cdk."""

from ultrafleet.programme.fleet_settings import ASSUMED, FleetSettings
from ultrafleet.programme.loading import FOLDER, ProgrammeFileError, load_programme
from ultrafleet.programme.models import (
    LaterBlocksSettings,
    Programme,
    ReservationSupplySettings,
    SiteSettings,
    TrancheSettings,
)
from ultrafleet.programme.queue_settings import QueueManagerSettings, QueueSettings
from ultrafleet.programme.raised_limits import LimitSettings, RaisedLimit
from ultrafleet.programme.slip import SlipSettings

__all__ = [
    "ASSUMED",
    "FOLDER",
    "FleetSettings",
    "LaterBlocksSettings",
    "LimitSettings",
    "Programme",
    "ProgrammeFileError",
    "QueueManagerSettings",
    "QueueSettings",
    "RaisedLimit",
    "ReservationSupplySettings",
    "SiteSettings",
    "SlipSettings",
    "TrancheSettings",
    "load_programme",
]
