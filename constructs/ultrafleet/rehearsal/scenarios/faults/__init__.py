"""Faults that a rehearsal can inject."""

from ultrafleet.rehearsal.scenarios.faults.fault import Fault, FaultTarget, Undo
from ultrafleet.rehearsal.scenarios.faults.fault_list import FAULTS, fault_named

__all__ = ["FAULTS", "Fault", "FaultTarget", "Undo", "fault_named"]
