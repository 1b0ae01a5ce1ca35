"""Jobs as plain values: training jobs, and the tests that a pool has to pass. Nothing here imports aws_cdk."""

from ultrafleet.jobs.acceptance_jobs import acceptance_job, acceptance_paths
from ultrafleet.jobs.placement import JobPlacement, some_nodes, whole_ultraservers
from ultrafleet.jobs.pod import TrainingJob
from ultrafleet.jobs.training_jobs import jobset, torchrun_command, train_job

__all__ = [
    "JobPlacement",
    "TrainingJob",
    "acceptance_job",
    "acceptance_paths",
    "jobset",
    "some_nodes",
    "torchrun_command",
    "train_job",
    "whole_ultraservers",
]
