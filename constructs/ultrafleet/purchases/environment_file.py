"""Environment file of a purchase: tried with what would be bought, and written when it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from ultrafleet.environment import Environment, load_environments
from ultrafleet.environment.editing import add_block, add_pool, move_end, remove_block
from ultrafleet.environment.facts import ip_budgets
from ultrafleet.environment.file_replacement import digest_of, read_exactly, replace_text
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.environment.text_places import BlockEntry, PaymentEntry
from ultrafleet.errors import FleetError
from ultrafleet.purchases.outcome import RefusedError
from ultrafleet.purchases.records import BoughtBlock, Extension, Placement


@dataclass(frozen=True, kw_only=True)
class EnvironmentFile:
    """File of an environment, as it was read.

    Attributes:
        path: the file.
        text: its text, with its own line ends.
        environment: its content.
    """

    path: Path
    text: str
    environment: Environment

    @classmethod
    def read(cls, folder: Path, name: str) -> "EnvironmentFile":
        """Read the file of an environment.

        Args:
            folder: of the environments.
            name: of the environment.

        Raises:
            FleetError: it can't be used.
        """
        (environment,) = load_environments(folder, only=name)
        path = folder / f"{name}.yaml"
        return cls(path=path, text=read_exactly(path), environment=environment)

    def pool(self, name: str) -> PoolSettings | None:
        """Pool of a name, or None."""
        return next((pool for pool in self.environment.pools if pool.name == name), None)

    def with_blocks(self, placed: Sequence[tuple[Placement, str]], *, like: str | None, day: date) -> "EnvironmentFile":
        """The file with blocks, as `load_environment` and the rules of IPs accept it.

        Args:
            placed: place and reservation of each; one whose reservation is in the file is left out.
            like: pool that is copied for the pools that aren't in the file.
            day: day of the payment.

        Raises:
            FleetError: the environment's rules refuse it, or the file can't be edited.
        """
        text = self.text
        there = {block.capacity_reservation_id for pool in self.environment.pools for block in pool.blocks}
        pools = {pool.name for pool in self.environment.pools}
        for place, reservation in placed:
            if reservation in there:
                continue
            entry = BlockEntry(
                capacity_reservation_id=reservation,
                availability_zone=place.availability_zone,
                start=place.start,
                end=place.end,
                instance_count=place.instance_count,
                payment=None if place.usd is None else PaymentEntry(day=day, usd=place.usd),
            )
            if place.pool in pools or like is None:
                text = add_block(text, pool=place.pool, block=entry)
            else:
                text = add_pool(text, pool=place.pool, like=like, block=entry)
                pools.add(place.pool)
        return self.with_text(text)

    def with_end(self, extension: Extension, *, paid: PaymentEntry, back: bool = False) -> "EnvironmentFile":
        """The file with the end of an extension.

        Args:
            extension: the extension.
            paid: what is paid for it.
            back: put the end before it back. Default: False.

        Raises:
            FleetError: the environment's rules refuse it, or the file can't be edited.
        """
        reservation = extension.capacity_reservation_id
        ends = {block.capacity_reservation_id: block.end for pool in self.environment.pools for block in pool.blocks}
        if not back and ends.get(reservation) == extension.new_end:
            return self
        end = extension.end if back else extension.new_end
        return self.with_text(
            move_end(
                self.text,
                capacity_reservation_id=reservation,
                end=end,
                paid=None if back else paid,
                taken_back=paid if back else None,
            )
        )

    def without(self, reservation: str) -> "EnvironmentFile":
        """The file without a block, and without its pool if that is all that it has.

        Args:
            reservation: the block's reservation.

        Raises:
            FleetError: the environment's rules refuse it, or the file can't be edited.
        """
        try:
            return self.with_text(remove_block(self.text, capacity_reservation_id=reservation))
        except FleetError:
            return self.with_text(remove_block(self.text, capacity_reservation_id=reservation, with_pool=True))

    def with_text(self, text: str) -> "EnvironmentFile":
        """The same file with another text.

        Args:
            text: the text.

        Raises:
            FleetError: the environment's rules refuse it.
        """
        try:
            (environment,) = load_environments(self.path.parent, only=self.environment.name, text=text)
            for budget in ip_budgets(environment):
                budget.check()
        except FleetError as error:
            raise FleetError(
                str(error), path=self.path, got=error.got, expected=error.expected, remedy=error.remedy
            ) from error
        return EnvironmentFile(path=self.path, text=text, environment=environment)

    def replace(self, new: "EnvironmentFile") -> None:
        """Write a new text in the place of this one.

        Args:
            new: the file with its new text.

        Raises:
            FleetError: the file was changed since it was read, or can't be written.
        """
        replace_text(self.path, new.text, was=digest_of(self.text))


def refuse_overlap(file: EnvironmentFile, places: Sequence[Placement], *, most: timedelta, without: str = "") -> None:
    """Refuse blocks that run beside another one of their pool for longer than a hand-over: both are paid.

    Args:
        file: the environment's file.
        places: places of the blocks.
        most: longest time for which both may run.
        without: reservation of a block that doesn't count. Default: each does.

    Raises:
        RefusedError: one does.
    """
    for place in places:
        pool = file.pool(place.pool)
        others = pool.blocks if pool is not None else []
        for block in others:
            if block.capacity_reservation_id == without:
                continue
            both = min(block.end, place.end) - max(block.start, place.start)
            if both > most:
                raise RefusedError(
                    path=f"pool {place.pool}",
                    verb="has",
                    got=f"block {block.capacity_reservation_id} beside the offer for {_hours(both)} hours",
                    expected=f"at most {_hours(most)}, a hand-over",
                    remedy="name another pool or offer, or pass --max-overlap-hours",
                )


def match(places: Sequence[Placement], blocks: Sequence[BoughtBlock]) -> list[tuple[Placement, str]]:
    """Places of bought blocks: each gets the free one of its zone whose start is nearest.

    Args:
        places: places that were settled before.
        blocks: what was bought.
    """
    free, found = list(places), []
    for block in sorted(blocks, key=lambda item: (item.start, item.capacity_reservation_id)):
        here = [place for place in free if place.availability_zone == block.availability_zone]
        if not here:
            continue
        place = min(here, key=lambda item: abs(item.start - block.start))
        free.remove(place)
        found.append((place.model_copy(update={"start": block.start, "end": block.end}), block.capacity_reservation_id))
    return found


def trial_id(number: int) -> str:
    """Reservation id with which a file is tried.

    Args:
        number: tells several ones apart.
    """
    return f"cr-{number:017x}"


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):g}"
