"""Every probe, in the order in which they are asked."""

from typing import Final

from ultrafleet.doctor.probe import Probe
from ultrafleet.doctor.probes.zones import ZONE_OPT_IN

PROBES: Final[tuple[Probe, ...]] = (ZONE_OPT_IN,)
"""Every probe; their ids are unique."""
