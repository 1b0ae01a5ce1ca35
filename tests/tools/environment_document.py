"""Writes the tables of docs/environments.md and the schema of environment files, both from the models.

The prose between the tables is written in the page; a section of keys needs its heading there.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import ultrafleet.environment
from ultrafleet.environment.schema import SCHEMA_FILE, Key, example_text, keys, schema_text

PAGE = Path(__file__).parent.parent.parent / "docs" / "environments.md"
SCHEMA = Path(ultrafleet.environment.__file__).parent / "data" / SCHEMA_FILE

_HEADING = re.compile(r"#+ `(?P<section>[^`]+)`")
_HEAD = ("| key | default | | example |", "|---|---|---|---|")
_LONGEST_EXAMPLE = 60


def document() -> str:
    """The page as it is, with the tables of today's keys."""
    sections: dict[str, list[Key]] = {}
    for key in keys():
        sections.setdefault(key.section, []).append(key)
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    made = list(_with_tables(lines, sections))
    if sections:
        raise ValueError(
            f"{PAGE.name} has no heading for {', '.join(map(repr, sections))}: add it, such as ## `pools[]`"
        )
    return "\n".join(made) + "\n"


def _with_tables(lines: list[str], sections: dict[str, list[Key]]) -> Iterator[str]:
    """Lines of the page; the first table after a section's heading is that of its keys."""
    section, is_old_table, is_fence = "none", False, False
    for line in lines:
        is_fence ^= line.startswith("```")
        if line.startswith("#") and not is_fence:
            if section in sections:  # no table yet
                yield from _table(sections.pop(section))
                yield ""
            heading = _HEADING.match(line)
            section = heading["section"] if heading else "" if line.startswith("# ") else "none"
        if line.startswith("| key |") and section in sections:
            yield from _table(sections.pop(section))
            is_old_table = True
        is_old_table = is_old_table and line.startswith("|")
        if not is_old_table:
            yield line
    if section in sections:
        yield ""
        yield from _table(sections.pop(section))


def _table(found: list[Key]) -> Iterator[str]:
    yield from _HEAD
    for key in found:
        default = key.default or "required"
        yield f"| `{key.name}` | {default} | {_fragment(key.text)} | {_example(key)} |"


def _fragment(text: str) -> str:
    """Text of a table's cell: a single sentence without its full stop."""
    return text.removesuffix(".") if ". " not in text else text


def _example(key: Key) -> str:
    text = example_text(key.example)
    return f"`{text}`" if len(text) <= _LONGEST_EXAMPLE else ""


def main() -> None:
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    PAGE.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
