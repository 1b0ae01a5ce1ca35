"""Simulated account: time, state of the services beside moto's, injected faults, and actors that act as time passes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from moto.core.exceptions import ServiceException

from ultrafleet.rehearsal.refusals import RefusalRule

Part = TypeVar("Part")
Facts = TypeVar("Facts")


class Refusal(ServiceException):
    """Error that an AWS API returns.

    Attributes:
        code: the service's error code, `InsufficientInstanceCapacity`.
        message: what the service says.
        rule: id of the rule of the embedded AWS that refused; "" for an injected fault.
    """

    def __init__(self, code: str, message: str, *, rule: str = "") -> None:
        super().__init__(code, message)
        self.rule = rule


def refused(rule: RefusalRule, message: str) -> Refusal:
    """Refusal by a rule, in the service's words."""
    return Refusal(rule.code, message, rule=rule.id)


def refuse_first(
    rules: Iterable[RefusalRule], reasons: Mapping[str, Callable[[Facts], str | None]], facts: Facts
) -> None:
    """Raise the Refusal of the first rule that refuses.

    Args:
        rules: the rules.
        reasons: AWS's message where the rule of that id refuses, else None.
        facts: what they decide by.

    Raises:
        Refusal: of the first rule that refuses.
    """
    for rule in rules:
        message = reasons[rule.id](facts)
        if message is not None:
            raise refused(rule, message)


class Actor(Protocol):
    """Actor: a part of AWS that acts as time passes."""

    def next_moment(self, after: datetime) -> datetime | None:
        """First moment later than `after` at which the actor may act; None: never."""

    def act(self, now: datetime) -> None:
        """Do what is due at `now`."""


FaultCheck = Callable[[str, str, dict[str, Any]], None]
"""Service, action and what the call is about: its `account` and `region`, and the `stack` whose operation makes it, as
far as they are known; raises a Refusal."""

_ABOUT: ContextVar[Mapping[str, Any]] = ContextVar("about")
"""Account, region and stack of the calls that this thread carries out, one inside the other."""


@contextmanager
def about_calls(**about: Any) -> Iterator[None]:
    """Context manager: every call that is carried out in it is about these, beside what is known already.

    Args:
        about: `account`, `region`, `stack`.
    """
    token = _ABOUT.set({**_ABOUT.get({}), **about})
    try:
        yield
    finally:
        _ABOUT.reset(token)


class SimulatedAccount:
    """AWS account of a rehearsal. Times are UTC, and pass only by `advance`."""

    def __init__(self) -> None:
        self._clocks: list[Actor] = []
        self.reset()

    def reset(self, now: datetime | None = None) -> None:
        """Drop all state; moto's own backends are reset by their owner."""
        self.now = now or datetime.now(UTC).replace(second=0, microsecond=0)
        self._parts: dict[tuple[type[Any], str, str], Any] = {}
        self._actors: list[Actor] = list(self._clocks)
        self.checks: list[FaultCheck] = []
        self.readings: set[str] = set()
        """Names of faults under which AWS is read in another way than `assumptions.py` says."""
        self.changes = 0
        """Number of calls and events that may have changed something: a clock may skip work while it stays."""

    def part(self, kind: type[Part], account_id: str, region: str) -> Part:
        """State of a service for an account and a region, created at first use as `kind(account, region)`."""
        key = (kind, account_id, region)
        if key not in self._parts:
            self._parts[key] = kind(account_id, region)  # type: ignore[call-arg]  # every part takes these two
        found: Part = self._parts[key]
        return found

    def parts(self, kind: type[Part]) -> list[Part]:
        """States of a kind, of all accounts and regions."""
        return [part for (its_kind, _, _), part in self._parts.items() if its_kind is kind]

    def add_clock(self, clock: Actor) -> None:
        """Let a service's clock act from now on, for every account and also after a reset; before other actors."""
        self._clocks.append(clock)
        self._actors.insert(len(self._clocks) - 1, clock)

    def register(self, actor: Actor) -> None:
        """Let an actor act from now on; actors act in the order of their registration."""
        self._actors.append(actor)

    def check_call(self, service: str, action: str, about: dict[str, Any] | None = None) -> None:
        """Raise the Refusal of an injected fault, if one is about this call (`ec2`, `RunInstances`)."""
        for check in list(self.checks):
            check(service, action, {**_ABOUT.get({}), **(about or {})})

    def advance(self, until: datetime, *, on_moment: Callable[[datetime], None] | None = None) -> None:
        """Let time pass, stopping at every moment at which an actor has something to do.

        Args:
            until: new time; one that isn't later than `now` changes nothing.
            on_moment: called after each moment.
        """
        while self.now < until:
            moments = [moment for actor in self._actors if (moment := actor.next_moment(self.now)) is not None]
            self.now = min([until, *moments])
            self.settle()
            if on_moment is not None:
                on_moment(self.now)

    def settle(self) -> None:
        """Let every actor do what is due now."""
        for actor in list(self._actors):
            actor.act(self.now)


SIMULATED_ACCOUNT = SimulatedAccount()
"""The one of this process: moto keeps its state in the process too."""
