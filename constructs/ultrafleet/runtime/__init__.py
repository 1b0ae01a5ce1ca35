"""Runtime of accelerators in Kubernetes: what is installed, at which version, and what must fit together."""

from ultrafleet.runtime.accelerator_runtime import accelerator_runtime
from ultrafleet.runtime.version_rules import VERSION_RULES, RuntimeFacts, check_versions
from ultrafleet.runtime.versions import VersionTable

__all__ = ["VERSION_RULES", "RuntimeFacts", "VersionTable", "accelerator_runtime", "check_versions"]
