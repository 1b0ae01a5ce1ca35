"""The command `ultrafleet`. Its parts are imported when they are asked for: one command needs few of them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ultrafleet.cli.commands import app, main

__all__ = ["app", "main"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(name)
    from ultrafleet.cli import commands  # noqa: PLC0415 - half a second, for which `programme` needn't wait

    return getattr(commands, name)
