"""Commands on the pages: each exists, with its options; each target of make does, with its variables."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command

from ultrafleet.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    if "decisions" not in path.parts
]
"""Pages that people follow. Records of decisions keep the words of their day."""
STARTER = ROOT / "constructs" / "ultrafleet" / "starter" / "files"
MAKEFILES = [ROOT / "Makefile", STARTER / "fleet.mk", STARTER / "Makefile"]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = {"", "bash", "sh", "shell", "console"}
PLACEHOLDER = re.compile(r"[…]|\.\.\.|[<>]")


def blocks(text: str) -> Iterator[str]:
    """Blocks of commands: fenced ones of a shell, and indented ones."""
    for found in FENCE.finditer(text):
        if found["language"] in SHELL:
            yield found["text"]
    outside = FENCE.sub("", text)
    yield "\n".join(line[4:] for line in outside.splitlines() if line.startswith("    "))


def commands(text: str) -> Iterator[list[str]]:
    """Words of each command of a block, without comments, variables before it and what it is piped into."""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip().removeprefix("$ ")
        try:
            words = shlex.split(stripped, comments=True)
        except ValueError:
            continue
        words = [part for word in words for part in ((word[:-1], ";") if word.endswith(";") else (word,))]
        for end in ("|", "&&", ";", ">", "2>", "||"):
            if end in words:
                words = words[: words.index(end)]
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words:
            yield [words[0].removeprefix(".venv/bin/"), *words[1:]]


def on_pages(program: str) -> list[tuple[str, tuple[str, ...]]]:
    found = {
        (str(path.relative_to(ROOT)), tuple(words[1:]))
        for path in PAGES
        for block in blocks(path.read_text(encoding="utf-8"))
        for words in commands(block)
        if words[0] == program
    }
    return sorted(found)


def parse(words: tuple[str, ...]) -> None:
    """Parse a command as the program does, and run nothing of it.

    Raises:
        click.UsageError: a command or an option that doesn't exist.
    """
    command, left = get_command(app), list(words)
    while getattr(command, "commands", None) and left and not left[0].startswith("-"):
        name = left.pop(0)
        if name not in command.commands:
            raise click.UsageError(f"no command {name}")
        command = command.commands[name]
    known = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    takes_all = command.context_settings.get("ignore_unknown_options", False)
    of_every_command = {"--help", "--version", "--install-completion", "--show-completion"}
    for word in left[: left.index("--")] if "--" in left else left:
        name = word.split("=", maxsplit=1)[0]
        if not name.startswith("--") or PLACEHOLDER.search(word) or takes_all:
            continue
        if name not in known and name not in of_every_command:
            raise click.UsageError(f"no option {name} of {command.name}")


ULTRAFLEET = on_pages("ultrafleet")
MAKE = on_pages("make")


def test_pages_have_commands() -> None:
    assert len(ULTRAFLEET) > 80
    assert len(MAKE) > 30


@pytest.mark.parametrize(
    ("page", "words"), ULTRAFLEET, ids=[f"{page}: {' '.join(words)}" for page, words in ULTRAFLEET]
)
def test_a_command_of_a_page_exists(page: str, words: tuple[str, ...]) -> None:
    try:
        parse(words)
    except click.UsageError as error:
        pytest.fail(f"{page}: ultrafleet {' '.join(words)}: {error.message}")


@pytest.mark.parametrize(("page", "words"), MAKE, ids=[f"{page}: {' '.join(words)}" for page, words in MAKE])
def test_a_target_of_a_page_exists(page: str, words: tuple[str, ...]) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in MAKEFILES)
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z_]+) *[?:]?=", text, re.MULTILINE))
    for word in words:
        name, equals, _ = word.partition("=")
        if name.startswith("-") or PLACEHOLDER.search(name):
            continue
        assert name in (variables if equals else targets), f"{page}: make {' '.join(words)}"


def test_fails_what_does_not_exist() -> None:
    for words in (("summary", "training", "--jason"), ("capacity", "sell"), ("nothing",)):
        with pytest.raises(click.UsageError):
            parse(words)
