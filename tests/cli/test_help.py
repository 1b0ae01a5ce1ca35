"""The help of the command, and the completion of its shells."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command
from typer.main import get_command

from helpers.command import run
from ultrafleet.catalog import InstanceType
from ultrafleet.cli import app

ROOT = Path(__file__).resolve().parents[2]


def commands(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    yield path, command
    for name, child in (command.commands if hasattr(command, "commands") else {}).items():
        yield from commands(child, (*path, name))


COMMANDS = dict(commands(get_command(app)))


def shown(*path: str) -> str:
    result = run(*path, "--help")
    assert result.returncode == 0
    return result.stdout


def complete(line: str) -> list[str]:
    words = line.split(" ")
    environment = {"_ULTRAFLEET_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    result = run(environment=environment)
    assert result.returncode == 0
    return result.stdout.split()


def test_the_top_level_help_groups_the_commands() -> None:
    text = shown()
    assert re.findall(r"^╭─ (\w+) ─", text, re.MULTILINE) == [
        "Options", "Facts", "Plan", "Review", "Rehearse", "Operate"
    ]  # fmt: skip
    for (*parents, name), _ in list(COMMANDS.items())[1:]:
        if not parents:
            assert re.search(rf"^│ {name} ", text, re.MULTILINE), name
    assert "Example: ultrafleet review main HEAD" in text


def test_help_in_a_pipe_has_no_colour_codes() -> None:
    assert "\x1b" not in shown()
    assert "\x1b" not in shown("layout")


def test_help_keeps_square_brackets() -> None:
    assert "[[card, device," in re.sub(r"[│\s]+", " ", shown("layout"))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_has_a_first_line_and_an_example(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    first, *_ = (command.help or "").split("\n\n")
    assert re.match(r"[A-Z].*\.$", first.replace("\n", " ")), first
    example = re.match(r"Example: ultrafleet (.*)", command.epilog or "")
    assert example is not None, "no example"
    words = example[1].split()
    assert tuple(words[: len(path)]) == path


@pytest.mark.parametrize("name", [path[0] for path in COMMANDS if len(path) == 1])
def test_the_readme_has_the_command(name: str) -> None:
    assert f".venv/bin/ultrafleet {name} " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_environment_names_are_completed() -> None:
    assert complete("ultrafleet preflight t") == ["training"]
    assert complete("ultrafleet job accept in") == ["inference"]


def test_instance_types_are_completed() -> None:
    assert complete("ultrafleet layout p6e-") == [str(t) for t in InstanceType.all() if str(t).startswith("p6e-")]


def test_environment_names_are_those_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()
    assert complete(f"ultrafleet summary --environments {tmp_path} ") == ["mine"]
