"""Managed add-ons that an environment's cluster gets."""

from ultrafleet.catalog.eks import AddonName
from ultrafleet.environment.models import Environment
from ultrafleet.rules.managed_addons import ManagedAddon, select


def managed_addons(environment: Environment) -> list[ManagedAddon]:
    """Add-ons that the file names, or its teams and its dashboard need, beside those that every cluster has.

    On an existing cluster they are the ones that the file names, and no others.

    Args:
        environment: the environment.
    """
    settings = environment.cluster
    needed = _needed(environment) if settings.existing is None else []
    names = sorted({*settings.addons, *settings.addon_versions, *needed})
    return [ManagedAddon(name=name, version=settings.addon_versions.get(name)) for name in names]


def installed_addons(environment: Environment) -> list[ManagedAddon]:
    """Every add-on that the environment installs: on a new cluster with those that every fleet has.

    Args:
        environment: the environment.
    """
    return select(managed_addons(environment), always=environment.cluster.existing is None)


def addons_of_unknown_version(environment: Environment) -> list[str]:
    """Names of the add-ons whose version EKS chooses: the file pins none, and no source states one.

    Args:
        environment: the environment.
    """
    version = environment.cluster.kubernetes_version
    return [addon.name for addon in installed_addons(environment) if addon.version_for(version).value is None]


def _needed(environment: Environment) -> list[str]:
    """Add-ons that teams and the dashboard need."""
    if environment.kubernetes.delivery == "none":
        return []
    return [
        *([AddonName.FSX_CSI_DRIVER] if any(team.file_system for team in environment.teams) else []),
        *([AddonName.CLOUDWATCH_OBSERVABILITY] if environment.kubernetes.dashboard else []),
    ]
