"""The schedule of capacity block pools."""

from ultrafleet.rules.schedule_tags import schedule_tags
from ultrafleet.schedule.block_schedule import BlockSchedule
from ultrafleet.schedule.definition import state_machine_definition

__all__ = ["BlockSchedule", "schedule_tags", "state_machine_definition"]
