"""The Node process that CDK runs in: which one, and how much memory and how many threads it takes for itself."""

import os
import sys
from pathlib import Path
from typing import Final

_OPTIONS: Final = {"--max-semi-space-size": "2", "--v8-pool-size": "1"}
"""Of the garbage collector. By default it keeps up to 64 MB for new objects and marks in four threads at once: for each
2 MB by which CDK's validation engine grows it looks at everything again (docs/decisions/0044)."""


def settle_node() -> None:
    """Let jsii start the Node that is pinned beside this Python, with a small garbage collector.

    Another Node, which `JSII_NODE` names, is started as it is: it may refuse an option. Options that `NODE_OPTIONS`
    names are left as they are.
    """
    node = Path(sys.executable).with_name("node")
    if not node.exists() or os.environ.setdefault("JSII_NODE", str(node)) != str(node):
        return
    said = os.environ.get("NODE_OPTIONS", "")
    missing = [f"{option}={value}" for option, value in _OPTIONS.items() if option not in said]
    os.environ["NODE_OPTIONS"] = " ".join(filter(None, [said, *missing]))
