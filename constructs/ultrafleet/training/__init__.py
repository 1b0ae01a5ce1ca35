"""A team that trains: namespace, queue, identity, storage, and jobs."""

from ultrafleet.training.jobs import jobset, torchrun_command, train_job
from ultrafleet.training.lustre import LustreFileSystem
from ultrafleet.training.placement import JobPlacement, some_nodes, whole_ultraservers
from ultrafleet.training.pod import TrainingJob
from ultrafleet.training.pool_acceptance import PoolAcceptance
from ultrafleet.training.training_team import TrainingTeam

__all__ = [
    "JobPlacement",
    "LustreFileSystem",
    "PoolAcceptance",
    "TrainingJob",
    "TrainingTeam",
    "jobset",
    "some_nodes",
    "torchrun_command",
    "train_job",
    "whole_ultraservers",
]
