"""The wheel of the library, which a repository keeps and pins by its hash until it can come from a registry."""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ultrafleet.errors import FleetError

_ASK: Final = "pass it: --wheel ultrafleet-VERSION-py3-none-any.whl; `make wheel` in a checkout writes it to dist/"


@dataclass(frozen=True, kw_only=True)
class LibraryWheel:
    """A wheel of the library.

    Attributes:
        name: name of the file, which pip reads name and version from.
        content: the file.
    """

    name: str
    content: bytes

    @property
    def version(self) -> str:
        """Version of the library in it."""
        return self.name.split("-")[1]

    @property
    def requirement(self) -> str:
        """Line of a requirements file that installs it from the folder `wheels`, and nothing else in its place."""
        return f"./wheels/{self.name} --hash=sha256:{hashlib.sha256(self.content).hexdigest()}"


def installed_wheel() -> LibraryWheel:
    """Return the wheel from which the running library was installed, as pip recorded it.

    Raises:
        FleetError: it was installed from something else, or the file is no longer there.
    """
    try:
        recorded = json.loads(distribution("ultrafleet").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        recorded = {}
    parts = urlsplit(str(recorded.get("url", "")))
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or path.suffix != ".whl":
        raise FleetError(
            path="ultrafleet",
            got="not installed from a wheel on this machine",
            expected="one that the repository can keep",
            remedy=_ASK,
        )
    return read_wheel(path)


def read_wheel(path: Path) -> LibraryWheel:
    """Read a wheel of the library.

    Args:
        path: the file.

    Raises:
        FleetError: it can't be read, or is no wheel of this library.
    """
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise FleetError(path=path, got=f"no wheel ({error})", expected="a wheel of ultrafleet", remedy=_ASK) from error
    if not path.name.startswith("ultrafleet-") or "ultrafleet/app/__init__.py" not in names:
        raise FleetError(path=path, got="another package", expected="a wheel of ultrafleet", remedy=_ASK)
    return LibraryWheel(name=path.name, content=content)
