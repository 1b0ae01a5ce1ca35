"""The help of the command, and the completion of its shells."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
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


WITHOUT_JSON = {
    ("schema",): "it prints JSON",
    ("local", "deploy"): "the CDK CLI's output; `local status --json` says what is there",
    ("local", "destroy"): "the CDK CLI's output; `retained --json` and `local status --json` say what is left",
    ("local", "rollout"): "the output of GNU make; `local status --json` of each cell says what is there",
    ("local", "inject"): "it prints nothing",
    ("local", "clear"): "it prints nothing",
    ("local", "stop"): "it prints nothing",
}
"""Commands without `--json`, with the reason."""


def test_every_command_has_json_or_a_reason() -> None:
    ends = {path for path, command in COMMANDS.items() if not hasattr(command, "commands")}
    with_json = {path for path in ends if any("--json" in option.opts for option in COMMANDS[path].params)}
    assert ends - with_json == set(WITHOUT_JSON)


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("capacity", "calendar", "training"), {"title", "lanes", "targets"}),
        (
            (
                "job",
                "train",
                "training",
                "pretraining",
                "run-1",
                "train.py",
                "--image",
                "i",
                "--capacity",
                "u-p6e-gb200x72",
                "--ultraservers",
                "1",
            ),
            {"apiVersion", "kind", "items"},
        ),
        (("job", "accept", "training", "rack-a", "--image", "i"), {"apiVersion", "kind", "items"}),
        (("job", "accept", "training", "rack-a", "--prerequisites"), {"apiVersion", "kind", "items"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_json_is_one_document(words: tuple[str, ...], keys: set[str]) -> None:
    done = run(*words, "--json", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert keys <= found.keys()
    if "items" in found:
        plain = run(*words, cwd=ROOT)
        assert found["items"] == list(yaml.safe_load_all(plain.stdout))


def test_a_calendar_is_no_picture_and_json_at_once(tmp_path: Path) -> None:
    done = run("capacity", "calendar", "training", "--json", "--out", str(tmp_path / "a.svg"), cwd=ROOT)
    assert done.returncode == 2
    assert "stated beside --out" in done.stderr
