"""The schedule of capacity block pools."""

from ultrafleet.rules.schedule_tags import group_schedule_tags, reservation_schedule_tags, schedule_tags
from ultrafleet.schedule.block_schedule import BlockSchedule
from ultrafleet.schedule.definition import state_machine_definition

__all__ = [
    "BlockSchedule",
    "group_schedule_tags",
    "reservation_schedule_tags",
    "schedule_tags",
    "state_machine_definition",
]
