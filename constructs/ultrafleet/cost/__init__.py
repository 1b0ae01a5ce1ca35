"""Cost of capacity: by environment, pool, team and month, committed against used, and as FOCUS."""

from ultrafleet.cost.amount import Amount
from ultrafleet.cost.commitments import Commitment, commitments
from ultrafleet.cost.months import Month, months_between
from ultrafleet.cost.report import CostReport, cost_report, default_months
from ultrafleet.cost.usage import Usage

__all__ = [
    "Amount",
    "Commitment",
    "CostReport",
    "Month",
    "Usage",
    "commitments",
    "cost_report",
    "default_months",
    "months_between",
]
