"""EventBridge's default bus: EC2's events about capacity blocks, rules, and deliveries that policies allow."""

from ultrafleet.rehearsal.events.clock import CapacityBlockEvents, install

__all__ = ["CapacityBlockEvents", "install"]
