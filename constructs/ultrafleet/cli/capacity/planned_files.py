"""Files that a plan is made from: an environment or a programme, and the offers of a search."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ultrafleet.bounded_file import read_bounded
from ultrafleet.environment import Environment, load_environment
from ultrafleet.errors import FleetError
from ultrafleet.offers import USD, Offer, read_history
from ultrafleet.planning.given import OfferedBlock, OfferedSegment
from ultrafleet.programme import Programme, load_programme
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

_MOST_BYTES: Final = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Files of a plan, read.

    Attributes:
        name: name of the environment or programme.
        environments: its environments.
        programme: the programme; None for an environment alone.
        offers: offers of a search; None without one.
        notes: sentences on offers that aren't planned.
    """

    name: str
    environments: Sequence[Environment]
    programme: Programme | None
    offers: Sequence[OfferedBlock] | None
    notes: Sequence[str] = ()

    @property
    def budget_usd(self) -> float | None:
        """Sum that the programme may cost."""
        return self.programme.budget_usd if self.programme is not None else None

    @property
    def owners(self) -> Mapping[str, str]:
        """Environment of each target that is an environment's own."""
        if self.programme is None:
            return {target.name: item.name for item in self.environments for target in item.targets}
        return {f"{item.name}/{target.name}": item.name for item in self.environments for target in item.targets}


def read_planned(name: str, *, environments: Path, programmes: Path, offers: Path | None) -> Planned:
    """Read what a plan is made from.

    Args:
        name: name of an environment or programme, or path of its file.
        environments: folder of environment files.
        programmes: folder of programme files.
        offers: offers of a search.

    Raises:
        FleetError: no file or both kinds have the name, or one can't be used.
    """
    path, is_programme = _file_of(name, environments, programmes)
    known, notes = (None, []) if offers is None else read_offers(offers)
    if not is_programme:
        environment = load_environment(path)
        return Planned(name=environment.name, environments=[environment], programme=None, offers=known, notes=notes)
    programme = load_programme(path)
    loaded = [_environment_of(path, environments, item) for item in programme.environments]
    return Planned(name=programme.name, environments=loaded, programme=programme, offers=known, notes=notes)


def read_offers(path: Path) -> tuple[list[OfferedBlock], list[str]]:
    """Offers of a search, and sentences on those that can't be planned.

    Args:
        path: what `ultrafleet capacity search --json` printed, or its history.

    Raises:
        FleetError: it can't be read, or holds offers in another currency than USD.
    """
    found = _newest(path) if path.suffix == ".jsonl" else _printed(path)
    foreign = sorted({f"{offer.id} in {offer.currency}" for offer in found if offer.currency != USD})
    if foreign:
        raise FleetError(
            path=path,
            verb="holds",
            got=f"offers in another currency: {', '.join(foreign)}",
            expected="offers in USD",
            remedy="take them out, or plan without --offers",
        )
    notes = [f"offer {offer.id} states no fee" for offer in found if offer.fee is None]
    mixed = [offer.id for offer in found if len({segment.type for segment in offer.segments}) > 1]
    notes += [f"offer {name} holds several types: it isn't planned" for name in mixed]
    return [_offered(offer, offer.fee) for offer in found if offer.fee is not None and offer.id not in mixed], notes


def _printed(path: Path) -> list[Offer]:
    """Offers of the JSON of a search."""
    expected = "what `ultrafleet capacity search --json` prints, or a history in FILE.jsonl"
    try:
        content = json.loads(read_bounded(path, _MOST_BYTES))
        return [Offer.from_json(item) for item in [*content["offers"], *content["in_other_currencies"]]]
    except OSError as error:
        raise FleetError(path=path, verb="can't be", got=f"read ({error})", expected=expected) from error
    except (KeyError, TypeError, ValueError) as error:
        raise FleetError(path=path, got=f"no list of offers ({error!r})", expected=expected) from error


def _newest(path: Path) -> list[Offer]:
    """Offers of the newest answer to each question in each account and region."""
    answers = {
        (item.account, item.region, item.question): item
        for item in sorted(read_history(path).asked, key=lambda item: item.at)
    }
    return [offer for item in answers.values() for offer in item.offers]


def _offered(offer: Offer, fee: float) -> OfferedBlock:
    return OfferedBlock(
        id=offer.id,
        account=offer.account,
        region=offer.region,
        type=offer.segments[0].type,
        usd=fee,
        segments=tuple(
            OfferedSegment(zone=item.zone, units=item.count, start=item.start, end=item.end) for item in offer.segments
        ),
    )


def _file_of(name: str, environments: Path, programmes: Path) -> tuple[Path, bool]:
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name)
        return path, _is_programme(path)
    found = [(folder / f"{name}.yaml", folder is programmes) for folder in (environments, programmes)]
    there = [(path, is_programme) for path, is_programme in found if path.is_file()]
    if len(there) == 1:
        return there[0]
    if there:
        both = " and ".join(str(path) for path, _ in there)
        raise FleetError(path=name, got=f"the name of {both}", expected="one of them", remedy="write its path")
    known = ", ".join(
        sorted(
            path.stem for folder in (environments, programmes) for path in folder.glob("*.yaml") if "." not in path.stem
        )
    )
    raise FleetError(
        path=name,
        got="no environment or programme",
        expected=f"one of {known or '(none)'} in {environments} and {programmes}",
    )


def _is_programme(path: Path) -> bool:
    """True if a file is a programme's: it has no account."""
    try:
        content = load_yaml(path.read_text(encoding="utf-8"), UniqueKeyLoader)
    except (OSError, ValueError):
        return False  # read as an environment, it is refused with the reason
    return isinstance(content, dict) and "account" not in content and ("tranches" in content or "start" in content)


def _environment_of(programme: Path, folder: Path, name: str) -> Environment:
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise FleetError(
            path=f"{programme}: environments",
            verb="name",
            got=repr(name),
            expected=f"one of {', '.join(sorted(item.stem for item in folder.glob('*.yaml'))) or '(none)'} in {folder}",
        )
    return load_environment(path)
