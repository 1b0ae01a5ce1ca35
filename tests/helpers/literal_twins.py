"""Literal twins: places of the source that write a catalogued fact down again."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ultrafleet.catalog.fact_file import FactEntry, fact_file

FACT_FILES = ("eks", "limits", "capacity_blocks")


@dataclass(frozen=True)
class Twin:
    path: str
    line: int
    fact_id: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r} is fact {self.fact_id}: read it from the catalog"


@dataclass(frozen=True)
class Literal:
    """A number, a row of numbers, or a text, with the names that it belongs to."""

    line: int
    value: int | tuple[int, ...] | str
    names: str = ""
    is_prose: bool = False  # docstring or comment


def guarded_facts() -> list[FactEntry]:
    return [entry for name in FACT_FILES for entry in fact_file(name).facts if entry.guard is not None]


def twins(root: Path, *, folders: Iterable[str], facts: Iterable[FactEntry]) -> list[Twin]:
    needles = [Needle(entry) for entry in facts]
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root).as_posix()
            if "ultrafleet/catalog/" in relative:
                continue
            for literal in literals(path.read_text(encoding="utf-8")):
                found += [
                    Twin(relative, literal.line, needle.entry.id, str(literal.value)[:120])
                    for needle in needles
                    if needle.matches(literal)
                ]
    return found


@dataclass(frozen=True)
class Needle:
    """Form of a guarded fact in source code."""

    entry: FactEntry

    def matches(self, literal: Literal) -> bool:
        guard = self.entry.guard
        assert guard is not None
        value = self.entry.value
        match guard.where:
            case "phrase":
                return isinstance(literal.value, str) and self._words.search(literal.value) is not None
            case "literal":
                return literal.value == value
            case "beside":
                if isinstance(literal.value, str):
                    in_text = self._text.search(literal.value) and self._words.search(literal.value)
                    return not literal.is_prose and in_text is not None
                return literal.value in self._values and self._words.search(literal.names) is not None
        if not isinstance(literal.value, str):
            return literal.value in self._values
        return (guard.where == "anywhere" or not literal.is_prose) and self._text.search(literal.value) is not None

    @cached_property
    def _words(self) -> re.Pattern[str]:
        assert self.entry.guard is not None
        return re.compile(self.entry.guard.words or "", re.IGNORECASE | re.DOTALL)

    @cached_property
    def _values(self) -> tuple[object, ...]:
        """The value, and for a version or a time its numbers in a row."""
        value = self.entry.value
        parts = re.fullmatch(r"\d+(?:[.:]\d+)+", value) if isinstance(value, str) else None
        return (value, tuple(map(int, re.findall(r"\d+", value)))) if parts else (value,)

    @cached_property
    def _text(self) -> re.Pattern[str]:
        value = self.entry.value
        assert self.entry.guard is not None
        spellings = [str(value), *self.entry.guard.spellings]
        if isinstance(value, int) and not isinstance(value, bool):
            spellings.append(f"{value:,}")
        return re.compile("|".join(rf"(?<![\w.\-/,=]){re.escape(one)}(?![\w\-/]|[.,]\d)" for one in spellings))


def literals(source: str) -> Iterator[Literal]:
    tree = ast.parse(source)
    yield from _read(tree)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Literal(token.start[0], token.string, is_prose=True)


def _read(node: ast.AST, names: str = "") -> Iterator[Literal]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) or type(node.value) is int:
            yield Literal(node.lineno, node.value, names)
        return
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
        yield Literal(node.lineno, "".join(parts), names)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _read(part.value, names)
        return
    number = _folded(node)
    if number is not None:
        yield Literal(node.lineno, number, names)  # type: ignore[attr-defined]
        return
    row = _row(node)
    if row is not None:
        yield Literal(node.lineno, row, names)  # type: ignore[attr-defined]
    for child, more in _children(node):
        text = _docstring(child)
        if text is not None:
            yield Literal(child.lineno, text, is_prose=True)  # type: ignore[attr-defined]
        else:
            yield from _read(child, f"{names} {more}")


def _docstring(node: ast.AST) -> str | None:
    """A text that is a statement: of a module, class or function, or below an attribute."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return None


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Children of a node, each with the names that it belongs to."""
    if isinstance(node, ast.Assign):
        yield node.value, " ".join(map(ast.unparse, node.targets))
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.value, ast.unparse(node.target)
    elif isinstance(node, ast.keyword):
        if node.arg != "examples":  # of a key, which are no facts
            yield node.value, node.arg or ""
    elif isinstance(node, ast.Compare):
        whole = ast.unparse(node)
        for operand in (node.left, *node.comparators):
            yield operand, whole
    elif isinstance(node, ast.Dict):
        yield from ((key, "") for key in node.keys if key is not None)
        yield from ((value, ast.unparse(key) if key else "") for key, value in zip(node.keys, node.values, strict=True))
    elif isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        pairs = [*zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True)]
        pairs += [(arg, default) for arg, default in zip(node.kwonlyargs, node.kw_defaults, strict=True) if default]
        yield from ((default, arg.arg) for arg, default in pairs)
    else:
        yield from ((child, "") for child in ast.iter_child_nodes(node))


def _folded(node: ast.AST) -> int | None:
    """Value of arithmetic on whole numbers alone, such as `16 * 1024`."""
    if not isinstance(node, ast.BinOp | ast.UnaryOp):
        return None
    parts = ast.walk(node)
    if not all(
        isinstance(part, ast.operator | ast.unaryop | ast.BinOp | ast.UnaryOp)
        or (isinstance(part, ast.Constant) and type(part.value) is int)
        for part in parts
    ):
        return None
    value = eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}})  # noqa: S307 - numbers alone
    return value if type(value) is int else None


def _row(node: ast.AST) -> tuple[int, ...] | None:
    """Whole numbers in a row: a tuple, a list, or the arguments of a call."""
    items = node.elts if isinstance(node, ast.Tuple | ast.List) else node.args if isinstance(node, ast.Call) else []
    values = [item.value for item in items if isinstance(item, ast.Constant) and type(item.value) is int]
    return tuple(values) if len(values) > 1 and len(values) == len(items) else None
