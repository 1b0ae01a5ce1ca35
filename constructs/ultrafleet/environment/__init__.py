"""Environment files: what they say, read and checked. Nothing here imports aws_cdk."""

from ultrafleet.environment.loading import EnvironmentFileError, load_environment, load_environments
from ultrafleet.environment.models import AcceleratorPool, Environment, UltraServerPool

__all__ = [
    "AcceleratorPool",
    "Environment",
    "EnvironmentFileError",
    "UltraServerPool",
    "load_environment",
    "load_environments",
]
