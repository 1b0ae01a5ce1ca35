"""Acceptance of a pool: nccl-tests over NVLink and over EFA, judged each by its own floor. Standard library only."""

from ultrafleet.acceptance.nccl_log import parse_nccl_log
from ultrafleet.acceptance.runs import NcclLog, Run
from ultrafleet.acceptance.thresholds import Threshold, UnknownThresholdError, threshold
from ultrafleet.acceptance.transport import AcceptanceFinding
from ultrafleet.acceptance.verdict import Verdict, judge

__all__ = [
    "AcceptanceFinding",
    "NcclLog",
    "Run",
    "Threshold",
    "UnknownThresholdError",
    "Verdict",
    "judge",
    "parse_nccl_log",
    "threshold",
]
