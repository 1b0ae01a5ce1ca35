"""Managed add-ons that an environment's cluster gets."""

from ultrafleet.catalog.eks import AddonName
from ultrafleet.environment.models import Environment
from ultrafleet.rules.managed_addons import ManagedAddon


def managed_addons(environment: Environment) -> list[ManagedAddon]:
    """Add-ons that the file names, or its teams and its dashboard need, beside those that every cluster has.

    Args:
        environment: the environment.
    """
    settings = environment.cluster
    names = sorted({*settings.addons, *settings.addon_versions, *_needed(environment)})
    return [ManagedAddon(name=name, version=settings.addon_versions.get(name)) for name in names]


def _needed(environment: Environment) -> list[str]:
    """Add-ons that teams and the dashboard need."""
    if environment.kubernetes.delivery == "none":
        return []
    return [
        *([AddonName.FSX_CSI_DRIVER] if any(team.file_system for team in environment.teams) else []),
        *([AddonName.CLOUDWATCH_OBSERVABILITY] if environment.kubernetes.dashboard else []),
    ]
