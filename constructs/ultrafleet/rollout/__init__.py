"""Rollout of cells: waves, their definition for GNU make, and the gate between them. No import of aws_cdk."""

from ultrafleet.rollout.definition import definition
from ultrafleet.rollout.gate import Alarm, CellState, Verdict, verdict
from ultrafleet.rollout.waves import Wave, waves

__all__ = ["Alarm", "CellState", "Verdict", "Wave", "definition", "verdict", "waves"]
