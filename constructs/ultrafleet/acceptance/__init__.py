"""Acceptance of a pool: nccl-tests over NVLink and over EFA, judged each by its own floor. Standard library only."""

from ultrafleet.acceptance.nccl_log import NcclLog, Row, Run, parse_nccl_log
from ultrafleet.acceptance.thresholds import Threshold, UnknownThresholdError, threshold
from ultrafleet.acceptance.verdict import AcceptanceFinding, Verdict, judge

__all__ = [
    "AcceptanceFinding",
    "NcclLog",
    "Row",
    "Run",
    "Threshold",
    "UnknownThresholdError",
    "Verdict",
    "judge",
    "parse_nccl_log",
    "threshold",
]
