"""The schedule of capacity block pools."""

from ultrafleet.block_machine import state_machine_definition
from ultrafleet.rules.schedule_tags import schedule_tags
from ultrafleet.schedule.block_schedule import BlockSchedule

__all__ = ["BlockSchedule", "schedule_tags", "state_machine_definition"]
