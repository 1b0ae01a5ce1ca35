"""Add-ons of accelerators in Kubernetes: charts, their versions, and the rules between versions."""

from ultrafleet.accelerator_addons.accelerator_runtime import accelerator_runtime
from ultrafleet.accelerator_addons.version_rules import VERSION_RULES, RuntimeFacts, check_versions
from ultrafleet.accelerator_addons.versions import VersionTable

__all__ = ["VERSION_RULES", "RuntimeFacts", "VersionTable", "accelerator_runtime", "check_versions"]
