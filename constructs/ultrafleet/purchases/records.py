"""Records of the purchase journal: an intent before each call, and what became of it."""

import hashlib
import json
import re
import secrets
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ultrafleet.errors import FleetError

_LINE: Final = re.compile(rb'(\{.*),"sum":"([0-9a-f]{16})"\}')


class State(StrEnum):
    """State of a purchase."""

    CALLING = "calling"
    """Written before the call. As the last record: the command died, and the outcome is unknown."""
    UNKNOWN = "unknown"
    """No answer, or one that settles nothing."""
    FAILED = "failed"
    """AWS said no: nothing was bought."""
    ABSENT = "absent"
    """AWS knows of no purchase, asked long enough after the call: nothing was bought."""
    BOUGHT = "bought"
    """Bought, and not in the environment file yet."""
    WRITTEN = "written"
    """Bought, and in the environment file."""
    RELEASED = "released"
    """The payment failed: AWS has taken it back, or the extension wasn't made."""


OPEN: Final = frozenset({State.CALLING, State.UNKNOWN, State.BOUGHT})
"""States in which nothing else is bought for the environment."""
PAID: Final = frozenset({State.BOUGHT, State.WRITTEN})
"""States of what was bought."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Placement(_Model):
    """Place that a block gets in the environment file, settled before it is paid."""

    pool: str
    availability_zone: str
    start: datetime
    end: datetime
    instance_count: int | None = None
    """None on an UltraServer pool."""
    usd: Decimal | None = None
    """Its part of the price, or None where it isn't known."""


class BoughtBlock(_Model):
    """Block that AWS sold."""

    capacity_reservation_id: str
    capacity_block_id: str = ""
    availability_zone: str
    start: datetime
    end: datetime
    state: str = ""
    """As EC2 said it then."""


class Extension(_Model):
    """Extension that is wanted."""

    capacity_reservation_id: str
    end: datetime
    """End of the block before."""
    new_end: datetime
    """End of the block with it."""
    known: tuple[str, ...] = ()
    """Offerings in the reservation's extension history before the call."""


class Intent(_Model):
    """Purchase that is about to be made, and everything that is needed to settle it later."""

    intent: str
    """Its id, which a block has as the tag `ultrafleet:intent`."""
    n: Literal[1] = 1
    state: Literal[State.CALLING] = State.CALLING
    at: datetime
    environment: str
    account: str
    region: str
    pools: tuple[str, ...]
    like: str | None = None
    """Pool that is copied for the pools that aren't in the file."""
    offering: str
    sold: str
    """Type that is sold: an UltraServer's or an instance's."""
    usd: Decimal
    max_usd: Decimal
    buyer: str
    approval: str | None = None
    """Digest of the approval's file."""
    approver: str | None = None
    placements: tuple[Placement, ...] = ()
    extension: Extension | None = None
    """Of an extension; None for a block."""


class Outcome(_Model):
    """Later record of an intent."""

    intent: str
    n: int
    state: State
    at: datetime
    note: str = ""
    blocks: tuple[BoughtBlock, ...] = ()
    """Blocks that were bought, with state `bought`."""


class Purchase:
    """Intent with what became of it.

    Args:
        intent: the first record.

    Attributes:
        is_earlier: bought by an earlier command, which this one repeats. Default: False.
    """

    def __init__(self, intent: Intent) -> None:
        self.intent = intent
        self.is_earlier = False
        self.outcomes: list[Outcome] = []

    @property
    def id(self) -> str:
        """Id of the intent."""
        return self.intent.intent

    @property
    def state(self) -> State:
        """Last state."""
        return self.outcomes[-1].state if self.outcomes else State.CALLING

    @property
    def last_at(self) -> datetime:
        """Moment of the last record."""
        return self.outcomes[-1].at if self.outcomes else self.intent.at

    def repeated(self) -> Self:
        """This purchase, marked as bought by an earlier command."""
        self.is_earlier = True
        return self

    @property
    def blocks(self) -> tuple[BoughtBlock, ...]:
        """Blocks that were bought."""
        return next((item.blocks for item in reversed(self.outcomes) if item.blocks), ())

    def next(self, state: State, at: datetime, *, note: str = "", blocks: tuple[BoughtBlock, ...] = ()) -> Outcome:
        """Record that would follow.

        Args:
            state: the new state.
            at: now.
            note: words for people. Default: none.
            blocks: what was bought. Default: none.
        """
        return Outcome(intent=self.id, n=len(self.outcomes) + 2, state=state, at=at, note=note, blocks=blocks)

    def add(self, outcome: Outcome) -> Self:
        """Take in a record that was written."""
        self.outcomes.append(outcome)
        return self


def new_intent_id(now: datetime) -> str:
    """Id of a new intent: the moment, and 64 random bits.

    Args:
        now: in UTC.
    """
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(8)}"


def line_of(record: Intent | Outcome) -> bytes:
    """Line of the journal, with its checksum and its line end."""
    body = json.dumps(record.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=True)[:-1].encode()
    return body + b',"sum":"' + _sum(body) + b'"}\n'


def record_of(line: bytes) -> Intent | Outcome:
    """Record of a line without its line end.

    Args:
        line: as it is in the file.

    Raises:
        FleetError: it is damaged.
    """
    match = _LINE.fullmatch(line)
    if match is None or _sum(match[1]) != match[2]:
        raise FleetError(path="line", got=f"damaged ({line[:40]!r})", expected="a record with its checksum")
    try:
        content = json.loads(match[1] + b"}")
        return (Intent if content.get("n") == 1 else Outcome).model_validate(content)
    except (ValueError, ValidationError) as error:
        raise FleetError(path="line", got=f"no record ({error})", expected="one of this version") from error


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()
