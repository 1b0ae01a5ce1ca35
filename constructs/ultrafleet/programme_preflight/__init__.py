"""Preflight of a programme: what its cells need of each account and region, beside what AWS gives. No aws_cdk.

Nothing here opens a session: the command passes an account to ask.
"""

from ultrafleet.programme_preflight.asking import PERMISSIONS, PROBES, asked, offline
from ultrafleet.programme_preflight.finding import Finding, Standing
from ultrafleet.programme_preflight.needs import Need, Place, needs_of, places_of
from ultrafleet.programme_preflight.requests import request_files

__all__ = [
    "PERMISSIONS",
    "PROBES",
    "Finding",
    "Need",
    "Place",
    "Standing",
    "asked",
    "needs_of",
    "offline",
    "places_of",
    "request_files",
]
