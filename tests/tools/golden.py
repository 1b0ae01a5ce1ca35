"""Writes tests/golden: the templates of the shipped environments, as a reviewer wants to read them.

`make golden`. YAML with short intrinsics, small collections on one line, pieces of text joined to one, JSON inside of
text laid out alike: the same templates, in half of the lines. `ultrafleet review` and `check` read them like any other.
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from ultrafleet.errors import FleetError
from ultrafleet.templates.references import joined_text

GOLDEN = Path(__file__).parent.parent / "golden"
_ONE_LINE = 92
_HEAD = "# Made by `make golden` from stacks/environments; a test holds it to them.\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """CloudFormation takes no anchors."""
        del data
        return True


def _is_small(value: Any, items: list[Any]) -> bool:
    """True if a collection reads best on one line."""
    return not any(isinstance(item, dict | list) and not _is_reference(item) for item in items) and (
        len(json.dumps(value)) <= _ONE_LINE
    )


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and set(value) <= {"Ref", "Fn::GetAtt", "Fn::ImportValue"}


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    ((name, argument), *others) = value.items() if value else (("", None),)
    if not others and name == "Fn::Join" and (joined := _joined(argument)) is not None:
        return _scalar(dumper, *joined)
    if not others and (name == "Ref" or name.startswith("Fn::")):
        tag = f"!{name.removeprefix('Fn::')}"
        if name == "Fn::GetAtt":
            return dumper.represent_scalar(tag, ".".join(argument))
        if isinstance(argument, str):
            return _scalar(dumper, tag, argument)
        if isinstance(argument, list):
            return dumper.represent_sequence(tag, argument, flow_style=_is_small(argument, argument))
    return dumper.represent_mapping(
        "tag:yaml.org,2002:map", value.items(), flow_style=_is_small(value, list(value.values()))
    )


def _sequence(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=_is_small(value, value))


def _joined(argument: list[Any]) -> tuple[str, str] | None:
    """Result of `Fn::Join`, with its tag: plain text, or the text of `Fn::Sub`."""
    separator, items = argument
    if all(isinstance(item, str) for item in items):
        return "tag:yaml.org,2002:str", str(separator).join(items)
    text = joined_text(argument)
    return ("!Sub", text) if text is not None else None


def _scalar(dumper: yaml.SafeDumper, tag: str, text: str) -> yaml.Node:
    if text[:1] in ("{", "["):
        with suppress(ValueError):  # it may only look like JSON
            text = _laid_out(json.loads(text))
    return dumper.represent_scalar(tag, text, style="|" if "\n" in text else None)


def _laid_out(value: Any, indent: int = 0, key: str = "") -> str:
    """JSON with every collection on one line that fits on it, and an only item in the brackets of its list."""
    line = key + json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or indent + len(line) <= _ONE_LINE:
        return line
    if isinstance(value, list) and len(value) == 1:
        return f"{key}[{_laid_out(value[0], indent)}]"
    items = (
        [_laid_out(item, indent + 1, f"{json.dumps(name, ensure_ascii=False)}: ") for name, item in value.items()]
        if isinstance(value, dict)
        else [_laid_out(item, indent + 1) for item in value]
    )
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    lines = ",\n".join(f"{' ' * (indent + 1)}{item}" for item in items)
    return f"{key}{opened}\n{lines}\n{' ' * indent}{closed}"


_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(str, lambda dumper, text: _scalar(dumper, "tag:yaml.org,2002:str", text))


def golden(template: str) -> str:
    """A template as it is committed."""
    return _HEAD + yaml.dump(json.loads(template), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def goldens() -> dict[Path, str]:
    """Files that the folder has to hold."""
    from helpers.rehearsal_site import ENVIRONMENTS, synthesised  # noqa: PLC0415 - a neighbour of the tests, not of this tool

    return {
        GOLDEN / f"{stack.name}.yaml": golden(stack.template)
        for path in sorted(ENVIRONMENTS.glob("*.yaml"))
        for stack in synthesised(path.read_text(), path.stem)[1]
    }


def main() -> None:
    """Write the folder."""
    try:
        wanted = goldens()
    except FleetError as error:
        sys.exit(f"error: {error}")
    GOLDEN.mkdir(exist_ok=True)
    for stale in set(GOLDEN.iterdir()) - wanted.keys():
        stale.unlink()
    for path, text in wanted.items():
        path.write_text(text)
    print(f"{GOLDEN}: {len(wanted)} templates, {sum(map(len, wanted.values())):,} characters")


if __name__ == "__main__":
    sys.path[:0] = [str(GOLDEN.parent), str(GOLDEN.parent.parent)]
    main()
