"""Preflight: what a deployment would do to what runs, from the file, the cloud assembly and the live account.

Nothing here calls AWS: `ultrafleet.cli.live_account` reads the account, and `preflight_findings` compares.
"""

from ultrafleet.preflight.account import LiveAccount, LiveNodeGroup, LiveReservation, LiveStack, ScheduledAction
from ultrafleet.preflight.deployment import Deployment
from ultrafleet.preflight.finding import Finding, Level
from ultrafleet.preflight.findings import preflight_findings, waived
from ultrafleet.preflight.retained import RetainedResource, billed

__all__ = [
    "Deployment",
    "Finding",
    "Level",
    "LiveAccount",
    "LiveNodeGroup",
    "LiveReservation",
    "LiveStack",
    "RetainedResource",
    "ScheduledAction",
    "billed",
    "preflight_findings",
    "waived",
]
