"""Kernel lines of NVIDIA's driver that say that a GPU is dead, as a filter pattern of CloudWatch Logs: pure logic."""

from collections.abc import Iterable
from typing import Final

from ultrafleet.catalog.eks import FATAL_XIDS

_LINE: Final = "NVRM: Xid (PCI:*"
_RECOVERY_ACTION: Final = 154
"""XID error by which the driver says what it asks for: a reset of the GPU, a reboot of the node, or `(None)`."""
_LONGEST_PATTERN: Final = 1024
"""Characters of a filter pattern (CloudWatch Logs API, PutMetricFilter, high)."""


def fatal_xid_pattern(codes: Iterable[int] = FATAL_XIDS) -> str:
    """Filter pattern of the host log group's lines that say that a GPU needs a reset, or its node a replacement.

    A line is an object with the kernel's text as `message`: `NVRM: Xid (PCI:0000:53:00): 79, GPU has fallen off the
    bus.` Wildcards and not regular expressions, of which a pattern takes two. A line of an application's error holds
    the process's name: one that is called `): 79,` rings the alarm, and none can hide a line.

    Args:
        codes: XID errors after which a GPU needs one. Default: those that the node monitoring agent counts as fatal.
    """
    fatal = " || ".join(f'($.message = "*): {code},*")' for code in sorted(set(codes)))
    asks = f'(($.message = "*): {_RECOVERY_ACTION},*") && ($.message != "*(None)"))'
    pattern = f'{{ ($.message = "{_LINE}") && ({fatal} || {asks}) }}'
    if len(pattern) > _LONGEST_PATTERN:
        raise AssertionError(f"the pattern has {len(pattern)} characters, more than {_LONGEST_PATTERN}")
    return pattern
