"""Writes the tables of arguments of the constructs' pages, docs/constructs/*.md, from signatures and docstrings.

The page of pools has tables of its own, by what a pool is on.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from constructs import Construct

PAGES = Path(__file__).parent.parent.parent / "docs" / "constructs"
PACKAGES = {
    "capacity": "capacity.md",
    "cluster": "cluster.md",
    "cluster_addons": "cluster-addons.md",
    "delivery": "delivery.md",
    "inference": "inference.md",
    "monitoring": "monitoring.md",
    "network": "network.md",
    "schedule": "schedule.md",
    "training": "training.md",
}
"""Pages by the package of their constructs."""
_BEGIN, _END = "<!-- arguments, written by `make docs` -->", "<!-- end of arguments -->"
_ARGUMENT = re.compile(r"^(?P<name>\w+): ?(?P<text>.*)$")


def constructs(package: str) -> Iterator[type[Construct]]:
    """Public constructs of a package, in the order of their names."""
    module = importlib.import_module(f"ultrafleet.{package}")
    for name in sorted(module.__all__):
        found = getattr(module, name)
        if inspect.isclass(found) and issubclass(found, Construct):
            yield found


def arguments(construct: type[Construct]) -> Mapping[str, inspect.Parameter]:
    """Arguments of a construct besides its scope and its id."""
    parameters = dict(inspect.signature(construct.__init__).parameters)
    return {name: found for name, found in parameters.items() if name not in {"self", "scope", "id"}}


def described(construct: type[Construct]) -> dict[str, str]:
    """Texts of the arguments, from the `Args:` of the docstring."""
    lines = inspect.getdoc(construct).splitlines()
    texts: dict[str, str] = {}
    name = ""
    inside = False
    for line in lines:
        if line.strip() == "Args:":
            inside = True
        elif inside and line and not line.startswith(" "):
            break
        elif inside and (found := _ARGUMENT.match(line[4:])) and not line.startswith("     "):
            name = found["name"]
            texts[name] = found["text"]
        elif inside and line.strip():
            texts[name] += f" {line.strip()}"
    return texts


def _row(name: str, parameter: inspect.Parameter, text: str) -> str:
    text, _, stated = text.partition("Default: ")
    if parameter.default is inspect.Parameter.empty:
        default = "required"
    elif stated:
        default, _, more = stated.partition(". ")
        default, text = default.rstrip("."), f"{text}{more}"
    else:
        default = f"`{parameter.default!r}`"
    cells = (f"`{name}`", default, text.strip().rstrip("."))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def section(package: str) -> str:
    """Tables of a package's constructs."""
    parts = ["## Arguments"]
    for construct in constructs(package):
        parameters = arguments(construct)
        if not parameters:
            continue
        texts = described(construct)
        rows = [_row(name, parameter, texts[name]) for name, parameter in parameters.items()]
        summary = inspect.getdoc(construct).split("\n\n")[0].replace("\n", " ")
        parts.append(
            f"### `{construct.__name__}`\n\n{summary}\n\n| argument | default | |\n|---|---|---|\n" + "\n".join(rows)
        )
    return "\n\n".join(parts)


def page(package: str) -> str:
    """Page of a package with its tables."""
    text = (PAGES / PACKAGES[package]).read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before.rstrip()}\n\n{_BEGIN}\n\n{section(package)}\n\n{_END}\n{after.lstrip()}"


def main() -> int:
    """Write the tables into every page."""
    for package, name in PACKAGES.items():
        (PAGES / name).write_text(page(package), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
