"""CDK's validation engine, made ahead: while Python imports, Node has nothing else to do.

It is made while CDK's heap is small, too: each 2 MB by which the engine grows let Node's garbage collector look at all
of the heap (docs/decisions/0044).
"""

import contextlib
import threading

import aws_cdk as cdk


class EngineAhead:
    """The engine, which a thread makes. Nothing else may speak to Node before it is `plugin` or `wait` was called."""

    def __init__(self) -> None:
        self._made: cdk.CloudFormationValidatePlugin | None = None
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def _make(self) -> None:
        with contextlib.suppress(Exception):  # it is made again where it is needed, and fails there
            self._made = cdk.CloudFormationValidatePlugin()

    def wait(self) -> None:
        """Wait until Node is free."""
        self._thread.join()

    def plugin(self) -> cdk.CloudFormationValidatePlugin:
        """The engine."""
        self.wait()
        if self._made is None:
            self._made = cdk.CloudFormationValidatePlugin()
        return self._made
