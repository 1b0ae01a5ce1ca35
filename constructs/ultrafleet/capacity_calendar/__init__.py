"""Calendar of capacity: blocks, deliveries and pools over time, with targets and the chance to meet them."""

from ultrafleet.capacity_calendar.model import Bar, Calendar, Kind, Lane, TargetLine
from ultrafleet.capacity_calendar.of_environment import environment_calendar
from ultrafleet.capacity_calendar.of_programme import programme_calendar

__all__ = ["Bar", "Calendar", "Kind", "Lane", "TargetLine", "environment_calendar", "programme_calendar"]
