"""Filter patterns of CloudWatch Logs over JSON log events.

Of the syntax it knows what the fleet's patterns use (CloudWatch Logs user guide, filter pattern syntax, high):
`$.field`, `=` and `!=`, quoted strings with a wildcard at either end, `&&`, `||` and parentheses. Anything else is an
error, so that no pattern passes unread. A field that an event doesn't have equals nothing and differs from nothing
(ours).
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.cloudwatch.conditions import Condition, Reader, Tokens

_TOKEN: Final = re.compile(r'\s*(\$(?:\.\w+)+|"[^"]*"|&&|\|\||!=|=|[{}()])')

Event = Mapping[str, Any]


def matches(pattern: str, message: str) -> bool:
    """True if a log event matches a pattern.

    Args:
        pattern: `{ $.level = "ERROR" }`.
        message: the log event; one that isn't a JSON object matches nothing.

    Raises:
        FleetError: the pattern isn't one that the embedded AWS reads.
    """
    condition = read_pattern(pattern)
    try:
        event = json.loads(message)
    except json.JSONDecodeError:
        return False
    return isinstance(event, dict) and condition(event)


@cache
def read_pattern(pattern: str) -> Condition[Event]:
    """Condition of a pattern.

    Args:
        pattern: `{ $.level = "ERROR" }`.

    Raises:
        FleetError: the pattern isn't one that the embedded AWS reads.
    """
    tokens = Tokens(pattern, _tokens(pattern))
    tokens.take("{")
    condition = _READER.read(tokens)
    tokens.take("}")
    if tokens.next:
        tokens.take("its end")
    return condition


def value_of(selector: str, event: Event) -> Any:  # JSON
    """Value that a selector such as `$.ec2_instance_id` finds in an event; None where there is none."""
    found: Any = event
    for name in selector.split(".")[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _tokens(pattern: str) -> list[str]:
    found, at, text = [], 0, pattern.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FleetError(
                path=f"filter pattern {pattern}",
                verb="has",
                got=repr(text[at : at + 20]),
                expected="fields, = and !=, quoted strings, && and ||",
                remedy="write it with these",
            )
        found.append(match[1])
        at = match.end()
    return found


def _comparison(tokens: Tokens) -> Condition[Event]:
    selector, operator, written = tokens.take(), tokens.take("=", "!="), tokens.take()
    if not selector.startswith("$.") or not written.startswith('"') or "*" in written.strip('"')[1:-1]:
        raise FleetError(
            path=f"comparison {selector} {operator} {written}",
            got="something else",
            expected='$.field, and a quoted string with "*" at its ends alone',
            remedy="write it so",
        )
    text = written.strip('"')
    equals = operator == "="

    def holds(event: Event) -> bool:
        found = value_of(selector, event)
        return isinstance(found, str) and _is_like(found, text) is equals

    return holds


def _is_like(found: str, text: str) -> bool:
    """True if a string is like a text, whose ends may be wildcards: no backtracking, whatever the string is."""
    plain = text.removeprefix("*").removesuffix("*") if len(text) > 1 else text.strip("*")
    if text.startswith("*") and text.endswith("*"):
        return plain in found
    if text.startswith("*"):
        return found.endswith(plain)
    return found.startswith(plain) if text.endswith("*") else found == text


_READER: Final = Reader[Event](all_of="&&", any_of="||", comparison=_comparison)
