"""All findings of preflight, in order, and the hazards that are accepted."""

from collections.abc import Collection, Sequence

from ultrafleet.errors import FleetError
from ultrafleet.preflight.addons import addon_findings
from ultrafleet.preflight.blocks import block_findings
from ultrafleet.preflight.deployment import Deployment
from ultrafleet.preflight.efa_driver import efa_driver_findings
from ultrafleet.preflight.finding import Finding, Level
from ultrafleet.preflight.leaving import leaving_findings
from ultrafleet.preflight.node_group_changes import node_group_findings
from ultrafleet.preflight.reservations import reservation_findings
from ultrafleet.preflight.stacks import stack_findings


def preflight_findings(deployment: Deployment) -> list[Finding]:
    """Findings of a deployment, what is worst first; none where it takes no node and nothing is worth knowing."""
    found = [
        *stack_findings(deployment),
        *node_group_findings(deployment),
        *leaving_findings(deployment),
        *reservation_findings(deployment),
        *block_findings(deployment),
        *efa_driver_findings(deployment),
        *addon_findings(deployment),
    ]
    order = list(Level)
    return sorted(found, key=lambda finding: order.index(finding.level))


def waived(findings: Sequence[Finding], accepted: Collection[str]) -> list[Finding]:
    """Hazards that are accepted.

    Args:
        findings: of this deployment.
        accepted: keys.

    Raises:
        FleetError: there is no hazard of that key now: a waiver holds for one change of one node group.
    """
    hazards = {finding.key: finding for finding in findings if finding.level is Level.HAZARD}
    for key in accepted:
        if key not in hazards:
            raise FleetError(
                path="--accept",
                got=repr(key),
                expected=f"one of {', '.join(hazards) or '(none)'}",
                remedy="there is no such hazard now, leave it out",
            )
    return [hazards[key] for key in dict.fromkeys(accepted)]
