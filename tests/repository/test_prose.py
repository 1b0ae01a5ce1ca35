"""The prose of the package and its documents: docstrings begin with the noun, and some turns have no place.

A docstring that begins with "What" or "Whether" names the thing last; "True if …" and a noun are read at once. The
turns are home-made: readers who know AWS and Kubernetes look them up in vain.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "constructs" / "ultrafleet"
DOCUMENTS = [
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if not {"decisions", "node_modules"} & set(path.relative_to(ROOT).parts)
]
"""Pages that people write. Records of decisions keep the words of their day."""

LAST_NOUN = re.compile(r"(What|Whether|How|Those|Which|Where|When|Who|Everything|Nothing)\b")
"""First words after which the thing is named last, or never."""
TURNS = {
    r"nobody|somebody|anybody's back": "name the reader, the source or the resource",
    r"so many\b": "give the number, or write `that many`",
    r"(?:is|are|be|what is) told\b|told apart": "write `notified`, `configured` or `distinguished`",
    r"can't be told": "write `unknown`",
    r"stands? (?:in|on|beside|behind|for|twice)\b": "write `is in`, `depends on`, `next to`",
    r"what (?:it|they) says?\b": "name the content",
    r"by itself": "name who does it: EKS, the chart, the CDK",
    r"open doors|word of the command|whole life|(?:a|the|for) life\b|lives through": "no metaphor",
    r"mend(?:s|ed)?\b": "write `repairs`",
}
"""Turns and what to write instead."""


def python_files() -> list[Path]:
    return sorted([*PACKAGE.rglob("*.py"), ROOT / "app.py"])


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings, messages and other text of a file, with the line on which each begins."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """First lines of docstrings, also those of attributes and constants."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                text = child.value.value
                if isinstance(text, str) and text.strip():
                    yield child.lineno, text.strip().splitlines()[0]


def turns(text: str) -> list[str]:
    return [
        f"{found[0]!r}: {instead}"
        for turn, instead in TURNS.items()
        for found in re.finditer(rf"(?i)\b(?:{turn})", " ".join(text.split()))
    ]


def test_docstrings_begin_with_the_thing() -> None:
    late = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in python_files()
        for line, text in docstrings(path)
        if LAST_NOUN.match(text)
    ]
    assert not late, "\n".join(late)


def test_the_package_has_none_of_the_turns() -> None:
    odd = [
        f"{path.relative_to(ROOT)}:{line}: {turn}"
        for path in python_files()
        for line, text in strings(path)
        for turn in turns(text)
    ]
    assert not odd, "\n".join(odd)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_have_none_of_the_turns(path: Path) -> None:
    odd = turns(path.read_text(encoding="utf-8"))
    assert not odd, "\n".join(odd)


def test_docstrings_of_predicates_say_when_they_are_true() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {first}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id == "bool"
        for first in (ast.get_docstring(node) or "").splitlines()[:1]
        if not re.search(r"\bTrue\b", first)
    ]
    assert not silent, "\n".join(silent)


def test_a_turn_is_found() -> None:
    assert turns("Somebody is told so many times, and it stands in the file.") != []
    assert turns("The file holds the name; EKS repairs the node.") == []
    assert LAST_NOUN.match("Whether it is one.")
