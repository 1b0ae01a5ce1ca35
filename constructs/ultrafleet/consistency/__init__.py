"""Consistency across layers: what queues, jobs, models and charts say, against what the node groups have."""

from ultrafleet.consistency.check import CONSISTENCY_RULES, ConsistencyRule, check_consistency, inconsistencies

__all__ = ["CONSISTENCY_RULES", "ConsistencyRule", "check_consistency", "inconsistencies"]
