"""Digest of a cell's environment file, which preflight and rehearsals compare with the templates."""

import json

from ultrafleet.cells import Cell
from ultrafleet.cells.as_environment import cell_environment
from ultrafleet.environment.digest import environment_digest
from ultrafleet.programme import FleetSettings


def cell_digest(cell: Cell, fleet: FleetSettings) -> str:
    """Content of the file of a cell's digest.

    Args:
        cell: the cell.
        fleet: fleet of its programme.
    """
    environment = cell_environment(cell, fleet)
    return f"{json.dumps({'environment': cell.name, 'sha256': environment_digest(environment)})}\n"
