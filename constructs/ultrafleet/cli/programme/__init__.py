"""`ultrafleet programme`: cells of a programme, and what is done with all of them."""

import typer

from ultrafleet.cli.programme.cells import cells

programme = typer.Typer(
    help="Cut a programme into cells, and work with all of them.",
    no_args_is_help=True,
    epilog="Example: ultrafleet programme cells half-a-million",
)


@programme.callback()
def _group() -> None:
    pass  # without it a single command would be the group itself


programme.command(epilog="Example: ultrafleet programme cells half-a-million --write")(cells)
