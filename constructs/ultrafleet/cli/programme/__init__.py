"""`ultrafleet programme`: cells of a programme, and what is done with all of them."""

import typer

from ultrafleet.cli.programme.cells import cells
from ultrafleet.cli.programme.gate import gate
from ultrafleet.cli.programme.preflight import preflight
from ultrafleet.cli.programme.queue import lose, queue
from ultrafleet.cli.programme.rollout import rollout
from ultrafleet.cli.programme.synth import synth

programme = typer.Typer(
    help="Cut a programme into cells, and work with all of them.",
    no_args_is_help=True,
    epilog="Example: ultrafleet programme cells half-a-million",
)

programme.command(epilog="Example: ultrafleet programme cells half-a-million --write")(cells)
programme.command(epilog="Example: ultrafleet programme rollout half-a-million")(rollout)
programme.command(epilog="Example: ultrafleet programme gate dallas-a-gb200x72-t001 --minutes 60")(gate)
programme.command(epilog="Example: ultrafleet programme queue half-a-million --manager desk")(queue)
programme.command(epilog="Example: ultrafleet programme lose half-a-million jobs.yaml --manager desk")(lose)
programme.command(epilog="Example: ultrafleet programme preflight half-a-million --offline")(preflight)
programme.command(epilog="Example: ultrafleet programme synth half-a-million")(synth)
