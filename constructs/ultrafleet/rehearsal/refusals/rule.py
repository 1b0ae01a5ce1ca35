"""Refusal rule: a reason for which AWS refuses a request."""

from dataclasses import dataclass

from ultrafleet.catalog.source import Source


@dataclass(frozen=True, kw_only=True)
class RefusalRule:
    """A reason for which AWS refuses a request.

    Attributes:
        id: name of the rule in tests and reports.
        code: AWS's error code.
        refuses: what AWS refuses.
        source: where the refusal, its code and its message come from.
    """

    id: str
    code: str
    refuses: str
    source: Source
