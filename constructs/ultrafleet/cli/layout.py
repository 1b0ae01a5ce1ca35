"""`ultrafleet layout`: network interfaces of an instance type, or violations of a given layout."""

import dataclasses
import json
import reprlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ultrafleet.catalog import Fabric, InstanceType
from ultrafleet.cli._completion import instance_types
from ultrafleet.errors import FleetError
from ultrafleet.layout import (
    EfaIntent,
    Interface,
    Violation,
    efa_shortfall,
    fabric_layout,
    fabric_of,
    layout_fact,
    layout_violations,
)

_INTENTS = ", ".join(intent.value for intent in EfaIntent)
_FABRICS = ", ".join(fabric.value for fabric in Fabric)


def layout(
    instance_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="instance type", autocompletion=instance_types)
    ] = None,
    intent: Annotated[str | None, typer.Option(help=f"one of {_INTENTS}; default: ip_saving")] = None,
    fabric: Annotated[
        str | None,
        typer.Option(help=f"one of {_FABRICS}; default: that of the type, of a type with two it has to be stated"),
    ] = None,
    validate: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help=escape('check {"instance_type": "…", "interfaces": [[card, device, "type"], …]} instead; - is stdin'),
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show an instance type's network interfaces, or validate a layout.

    Exit code 0: valid, 1: violations, 2: unusable input.
    """
    if (instance_type is None) == (validate is None):
        raise FleetError(
            path="TYPE and --validate FILE",
            verb="are",
            got="not stated" if validate is None else "both stated",
            expected="one of them",
            remedy="pass one",
        )
    if validate is not None:
        if intent is not None:
            raise FleetError(
                path="--intent",
                got=f"{_one_line(intent)} with --validate",
                expected="none",
                remedy="a layout is checked as it is",
            )
        if fabric is not None:
            raise FleetError(
                path="--fabric",
                got=f"{_one_line(fabric)} with --validate",
                expected="none",
                remedy="a layout is checked as it is",
            )
        _check(validate, as_json=as_json)
        return
    kind = InstanceType.of(str(instance_type))
    wanted = fabric_of(kind, fabric)
    interfaces = fabric_layout(kind, fabric=wanted, intent=_intent(intent))
    if as_json:
        print(json.dumps(interfaces))
    else:
        _show(kind, wanted, interfaces)


def _intent(name: str | None) -> EfaIntent:
    if name is None:
        return EfaIntent.IP_SAVING
    try:
        return EfaIntent(name)
    except ValueError:
        raise FleetError(
            path="intent",
            got=repr(name),
            expected=f"one of {_INTENTS}",
            remedy="pass another --intent",
        ) from None


def _show(instance_type: InstanceType, fabric: Fabric, interfaces: Sequence[Interface]) -> None:
    cards = {card.index: card for card in instance_type.network_cards or ()}
    print("card  device  type       confidence  source")
    for interface in interfaces:
        source = cards[interface.card].source_of("interface_types")
        at = f"{interface.card:4}  {interface.device:6}  {interface.interface_type:9}"
        print(f"{at}  {source.confidence:10}  {source.text}")
    addresses = sum(interface.takes_ip for interface in interfaces)
    secondary = sum(interface.is_secondary for interface in interfaces)
    own = f", {secondary} secondary with an address of a secondary subnet each" if secondary else ""
    print(f"{len(interfaces)} interfaces, {sum(i.is_efa for i in interfaces)} EFA, {addresses} with an IP address{own}")
    fact = layout_fact(instance_type, fabric)
    print(f"layout on {fabric.value}: {fact.source}{f'; {fact.note}' if fact.note else ''}")


def _check(file: str, *, as_json: bool) -> None:
    instance_type, interfaces = _read(file)
    violations = layout_violations(instance_type, interfaces)
    unused = [] if violations else _shortfall(instance_type, interfaces)
    _report(instance_type, [*violations, *unused], as_json=as_json)
    if violations:
        raise typer.Exit(1)


def _shortfall(instance_type: InstanceType, interfaces: Sequence[Interface]) -> Iterator[Violation]:
    """The bandwidth that a layout leaves unused: it launches, so that the exit code is 0."""
    shortfall = efa_shortfall(instance_type, interfaces)
    if shortfall is not None:
        yield Violation(rule="efa-bandwidth", card=None, device=None, message=shortfall.message)


def _report(instance_type: InstanceType, violations: Sequence[Violation], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([dataclasses.asdict(violation) for violation in violations]))
        return
    for violation in violations:
        print(f"{violation.rule}: {violation.message}")
    if not violations:
        print(f"no rule known of {instance_type} is broken")


def _read(path: str) -> tuple[InstanceType, list[Interface]]:
    file = _one_line(path)
    try:
        content = json.loads(_text(path), object_pairs_hook=_without_repetition)
    # ValueError: not UTF-8, no JSON, or a number of thousands of digits.
    except (OSError, ValueError, RecursionError) as error:
        raise FleetError(
            path=file,
            verb="can't be",
            got=f"read ({error})",
            expected="a JSON file",
            remedy="correct it",
        ) from error
    if not isinstance(content, dict) or not content.keys() >= {"instance_type", "interfaces"}:
        got = reprlib.repr(sorted(content)) if isinstance(content, dict) else type(content).__name__
        raise FleetError(
            path=file,
            verb="holds",
            got=got,
            expected="an object with instance_type and interfaces",
            remedy="correct it",
        )
    name, rows = content["instance_type"], content["interfaces"]
    if not isinstance(name, str):
        raise FleetError(
            path=f"instance_type in {file}",
            got=reprlib.repr(name),
            expected="a string",
            remedy="correct it",
        )
    if not isinstance(rows, list):
        raise FleetError(
            path=f"interfaces in {file}",
            got=type(rows).__name__,
            expected="a list",
            remedy="correct it",
        )
    return InstanceType.of(name), [_interface(file, number, row) for number, row in enumerate(rows)]


def _one_line(text: str) -> str:
    """Text itself if it is one clear line, else its repr."""
    return text if text.isprintable() and text else repr(text)


def _text(path: str) -> str:
    if path != "-":
        return Path(path).read_text(encoding="utf-8")
    if sys.stdin is None:
        raise OSError("standard input is closed")
    return sys.stdin.buffer.read().decode("utf-8")


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # JSON readers differ in which of two equal keys they take.
    content: dict[str, object] = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"the key {reprlib.repr(name)} is there twice")
        content[name] = value
    return content


def _interface(file: str, number: int, row: object) -> Interface:
    match row:
        # A bool is an int in Python, and no card number.
        case [int(card), int(device), str(interface_type)] if not isinstance(card, bool) | isinstance(device, bool):
            return Interface(card, device, interface_type)
    raise FleetError(
        path=f"interfaces[{number}] in {file}",
        got=reprlib.repr(row),
        expected="[card, device, type]",
        remedy="correct it",
    )
