"""Requests to Node that a CDK program makes: `requests.py OUT PROGRAM [ARGUMENT …]` writes the number to OUT."""

import runpy
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from jsii._kernel.providers import process

made: Counter[str] = Counter()
_node: Any = process._NodeProcess  # noqa: SLF001 - jsii counts nothing
_send = _node.send


def counting(self: object, request: object, response_type: object) -> object:
    made[type(request).__name__] += 1
    return _send(self, request, response_type)


_node.send = counting
out, program, *_ = sys.argv[1:]
sys.argv = sys.argv[2:]
sys.path.insert(0, str(Path(program).parent))
runpy.run_path(program, run_name="__main__")
Path(out).write_text(str(made.total()))
