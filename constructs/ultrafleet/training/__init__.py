"""A team that trains: namespace, queue, identity and storage; and the acceptance of pools."""

from ultrafleet.jobs.acceptance_gate import GateSettings
from ultrafleet.training.lustre import LustreFileSystem
from ultrafleet.training.pool_acceptance import PoolAcceptance
from ultrafleet.training.training_team import TrainingTeam

__all__ = ["GateSettings", "LustreFileSystem", "PoolAcceptance", "TrainingTeam"]
