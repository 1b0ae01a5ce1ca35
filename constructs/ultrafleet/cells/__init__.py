"""Cells of a programme: one VPC and one cluster each, cut by the limits that bound them. No import of aws_cdk."""

from ultrafleet.cells.as_json import plan_as_json
from ultrafleet.cells.bounds import KNOWN_LIMITS, CellLimit, Request
from ultrafleet.cells.cutting import cut
from ultrafleet.cells.loading import read_cells
from ultrafleet.cells.model import Cell, CellNetwork, CellPlan, Management, Rack, by_account
from ultrafleet.cells.queues import cell_queue_content, cells_of_manager, manager_content, manager_of, queue_of_cell
from ultrafleet.cells.record import Record, read_record, record_file
from ultrafleet.cells.reservations import is_assumed

__all__ = [
    "KNOWN_LIMITS",
    "Cell",
    "CellLimit",
    "CellNetwork",
    "CellPlan",
    "Management",
    "Rack",
    "Record",
    "Request",
    "by_account",
    "cell_queue_content",
    "cells_of_manager",
    "cut",
    "is_assumed",
    "manager_content",
    "manager_of",
    "plan_as_json",
    "queue_of_cell",
    "read_cells",
    "read_record",
    "record_file",
]
