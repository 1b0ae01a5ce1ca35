"""Change of the driver of EFA devices under nodes that run."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.preflight.deployment import Deployment
from ultrafleet.preflight.finding import Finding, hazard, nodes

_CHART: Final = "Custom::AWSCDK-EKS-HelmChart"
_VALUES: Final = {"aws-dranet": "dra", "aws-efa-k8s-device-plugin": "device_plugin"}
"""Charts of EFA's drivers, with the value of `kubernetes.efa`."""


def efa_driver_findings(deployment: Deployment) -> Iterator[Finding]:
    """Findings of a cluster whose EFA devices get another driver while nodes run that may have some."""
    running = [
        deployment.account.node_groups[name]
        for name in deployment.pool_node_groups
        if name in deployment.account.node_groups and deployment.account.node_groups[name].nodes
    ]
    for update in deployment.updates:
        old, new = _drivers(update.old), _drivers(update.new)
        for chart in sorted(old - new) if new - old and running else []:
            (other,) = new - old
            count = nodes(sum(group.nodes for group in running))
            yield hazard(
                f"efa-driver:{other}",
                f"{other} is installed before {chart} is removed, and {count} of "
                f"{', '.join(group.name for group in running)} run: both on a node give the same EFA devices to pods, "
                f"and jobs of the old kind stay in their queue; keep `kubernetes.efa: {_VALUES[chart]}` until the "
                "pools are empty, as docs/migration.md says",
            )


def _drivers(template: Mapping[str, Any]) -> set[str]:
    resources = (template.get("Resources") or {}).values()
    charts = {str((item.get("Properties") or {}).get("Chart")) for item in resources if item.get("Type") == _CHART}
    return charts & _VALUES.keys()
