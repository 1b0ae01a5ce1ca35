"""Fault that a rehearsal can inject, and its target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ultrafleet.catalog.source import Source
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError


@dataclass(frozen=True, kw_only=True)
class FaultTarget:
    """Target of a fault: an environment and optionally a pool.

    Attributes:
        environment: the environment whose account it is.
        pool: name of a pool, for faults that concern one.
        state: state of a block, for the fault that gives it one.
        minutes: how long it lasts.
    """

    environment: Environment
    pool: str | None = None
    state: str = "unavailable"
    minutes: float = 5

    def has(self, about: Mapping[str, Any]) -> bool:
        """True where a call is the environment's: of its account, region and stacks, as far as they are known.

        Args:
            about: what the call is about.
        """
        name, stack = self.environment.name, about.get("stack")
        return (
            about.get("account", self.environment.account) == self.environment.account
            and about.get("region", self.environment.region) == self.environment.region
            and (stack is None or str(stack).startswith(f"{name}-"))
        )

    @property
    def pool_name(self) -> str:
        """Name of the pool; where none was named, the first of the environment."""
        if self.pool is not None:
            names = [pool.name for pool in self.environment.pools]
            if self.pool not in names:
                raise FleetError(
                    path="pool",
                    got=repr(self.pool),
                    expected=f"one of {', '.join(names)}",
                )
            return self.pool
        return self.environment.pools[0].name

    @property
    def node_group(self) -> str:
        """Name of the pool's node group: of its first block that isn't over, or the pool's own."""
        from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT  # noqa: PLC0415  # needs the extra

        (pool,) = [pool for pool in self.environment.pools if pool.name == self.pool_name]
        blocks = pool.capacity_blocks
        left = [block for block in blocks if block.end > SIMULATED_ACCOUNT.now] or blocks
        return left[0].node_group(pool.name) if left else pool.name


Undo = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Fault: name, symptom, advice, source.

    Attributes:
        name: how it is called from the command line.
        summary: what goes wrong.
        shows: what AWS says of it, as far as it always says the same: a part of the message.
        advice: what to do.
        source: document that describes the behaviour.
    """

    name: str
    summary: str
    shows: str
    advice: str
    source: Source
