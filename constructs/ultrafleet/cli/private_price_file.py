"""File of private prices, for the commands that show prices. It is read on this machine and sent nowhere."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from ultrafleet.bounded_file import read_bounded
from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.catalog.private_prices import PriceList, PrivatePrice
from ultrafleet.errors import FleetError
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

_MOST_BYTES: Final = 1 << 20
_EXPECTED: Final = "type, usd_per_hour, date and source, and region and purchase_option where the price is of one"


def read_private_prices(path: Path) -> PriceList:
    """Prices of a CSV file with a heading, or of a YAML list.

    Raises:
        FleetError: it can't be read, a price lacks something or is there twice, or its type isn't in the catalog.
    """
    text = _text(path)
    try:
        rows = list(_rows(text)) if path.suffix == ".csv" else load_yaml(text, UniqueKeyLoader) or []
        found = TypeAdapter(tuple[PrivatePrice, ...]).validate_python(rows)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise FleetError(
            path=f"{path}: {where}", got=first["msg"].lower(), expected=_EXPECTED, remedy="correct it"
        ) from error
    except (ValueError, csv.Error) as error:
        raise FleetError(path=path, got=f"unreadable ({error})", expected=f"CSV or YAML of {_EXPECTED}") from error
    _refuse_unusable(path, found)
    return PriceList(found)


def _text(path: Path) -> str:
    try:
        return read_bounded(path, _MOST_BYTES)
    except OSError as error:
        raise FleetError(
            path=path, verb="can't be", got=f"read ({error})", expected="a CSV or YAML file of prices"
        ) from error


def _rows(text: str) -> Iterator[dict[Any, Any]]:
    """Rows of CSV; an empty cell isn't stated, and one too many is an unknown key."""
    for row in csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True):
        yield {"a cell more" if key is None else key.strip(): value for key, value in row.items() if value}


def _refuse_unusable(path: Path, found: tuple[PrivatePrice, ...]) -> None:
    known = {str(item) for item in (*InstanceType.all(), *UltraServerType.all())}
    seen: set[tuple[object, ...]] = set()
    for place, item in enumerate(found):
        if item.type not in known:
            raise FleetError(
                path=f"{path}: {place}.type",
                got=item.type,
                expected="an instance type or UltraServer type of docs/catalog.md",
                remedy="correct it",
            )
        key = (item.type, item.region, item.purchase_option, item.date)
        if key in seen:
            raise FleetError(
                path=f"{path}: {place}",
                got=f"a second price of {item.type} of {item.date}",
                expected="one for each type, region, purchase option and day",
                remedy="take one out",
            )
        seen.add(key)
