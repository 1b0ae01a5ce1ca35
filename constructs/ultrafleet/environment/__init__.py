"""Environment files, read and validated. No import of aws_cdk."""

from ultrafleet.environment.loading import EnvironmentFileError, environment_files, load_environment, load_environments
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings, UltraServerPoolSettings

__all__ = [
    "AcceleratorPoolSettings",
    "Environment",
    "EnvironmentFileError",
    "UltraServerPoolSettings",
    "environment_files",
    "load_environment",
    "load_environments",
]
