"""Writes docs/commands.md: every command with its help, arguments, options and example, from the command itself."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from typer.main import get_command

from ultrafleet.cli import app

PAGE = Path(__file__).parent.parent.parent / "docs" / "commands.md"

_HEAD = """# Commands

Every command of `ultrafleet`, from its own help (`tests/tools/commands_document.py` writes the page).
`ultrafleet --install-completion` completes commands, environments
and types in your shell; `--json` is there wherever a program may read the answer.

Exit codes, where a command says nothing else: 0 no finding, 1 findings, 2 unusable input, 130 interrupted.
"""


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Commands that do something, with their words."""
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name in sorted(children):
        if not children[name].hidden:
            yield from commands(children[name], (*path, name))


def document() -> str:
    """Text of the page."""
    parts = [_HEAD]
    for path, command in commands(get_command(app)):
        words = " ".join(("ultrafleet", *path))
        parts.append(f"## `{words}`\n")
        parts.append(f"{_text(command.help or '')}\n")
        rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
        rows = [row for row in rows if row]
        if rows:
            parts.append("| argument or option | default | |\n|---|---|---|\n" + "\n".join(rows) + "\n")
        if command.epilog:
            example = command.epilog.removeprefix("Example: ").split("\n")[0]
            parts.append(f"    {example}\n")
    return "\n".join(parts)


def _text(text: str) -> str:
    """Help without click's marks; paragraphs stay."""
    return "\n".join(line.strip() for line in text.replace("\b", "").split("\n")).strip().replace("<", "&lt;")


def _row(parameter: click.Parameter) -> str:
    if parameter.name == "help":
        return ""
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if isinstance(parameter, click.Argument) or not parameter.opts[0].startswith("-"):
        names = f"`{parameter.metavar or (parameter.name or '').upper()}`"
    default = parameter.default
    if parameter.required:
        shown = "required"
    elif default is None or default is False or default in ([], ()) or callable(default):
        shown = "-"
    else:
        shown = f"`{default}`"
    help_text = " ".join((getattr(parameter, "help", "") or "").split()).replace("|", "\\|").replace("<", "&lt;")
    return f"| {names} | {shown} | {help_text} |"


def main() -> int:
    """Write the page."""
    PAGE.write_text(document(), encoding="utf-8")
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
