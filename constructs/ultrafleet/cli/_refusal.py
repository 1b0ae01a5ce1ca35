"""Refusal of input that can't be used: one line an error on stderr, exit 2."""

import json
import sys
from typing import NoReturn

from ultrafleet.errors import FleetError
from ultrafleet.plain_text import for_terminal, visible_json

UNUSABLE_INPUT = 2
"""Exit code for input that can't be used; 1 is left for findings."""


def refuse(*errors: FleetError | str, code: int = UNUSABLE_INPUT) -> NoReturn:
    """Print errors on stderr and exit: as text, or with `--json` as one JSON object a line.

    Args:
        errors: what can't be used; of a text the JSON has the message alone.
        code: exit code. Default: 2.
    """
    for error in errors:
        if "--json" in sys.argv[1:]:
            fault = error if isinstance(error, FleetError) else FleetError(error)
            print(json.dumps({"error": visible_json(fault.as_json())}), file=sys.stderr)
        else:
            print(for_terminal(f"error: {error}"), file=sys.stderr)
    sys.exit(code)
