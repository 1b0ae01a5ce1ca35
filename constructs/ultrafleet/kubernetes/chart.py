"""A Helm chart at a version, and a release of it with its values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ultrafleet.catalog.source import Source
from ultrafleet.errors import FleetError

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?")
_RELEASE_NAME_LENGTH = 53  # Helm (high)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart that the library installs.

    Attributes:
        name: name of the chart.
        repository: address of the repository; for OCI the whole address of the chart.
        version: version of the chart, as its publisher spells it.
        source: where the version and the values come from.
    """

    name: str
    repository: str
    version: str
    source: Source

    @property
    def parsed_version(self) -> tuple[int, int, int]:
        """Major, minor, patch."""
        return parse_version(self.name, self.version)


@dataclass(frozen=True, kw_only=True)
class ChartRelease:
    """A chart with its values, in a namespace.

    Attributes:
        chart: the chart.
        release: name of the release.
        namespace: where it is installed; made with it.
        values: values that differ from the chart's own.
        wait: whether the deployment waits until its pods are ready: where what comes after it needs its webhooks.
        unchecked_values_source: where the keys come from, for a chart whose published values this project doesn't
            hold: they are not checked against it. Default: they are.
    """

    chart: Chart
    release: str
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)
    wait: bool = False
    unchecked_values_source: Source | None = None

    def __post_init__(self) -> None:
        if len(self.release) > _RELEASE_NAME_LENGTH:
            raise FleetError(
                path=f"release name {self.release}",
                verb="has",
                got=f"{len(self.release)} characters",
                expected=f"at most {_RELEASE_NAME_LENGTH}, which is Helm's limit",
                remedy="pass a shorter one",
            )


def parse_version(what: str, version: str) -> tuple[int, int, int]:
    """Major, minor and patch of a version, with or without a `v`.

    Raises:
        FleetError: it isn't three numbers.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise FleetError(
            path=f"version of {what}",
            got=repr(version),
            expected="MAJOR.MINOR.PATCH, perhaps with a v before it",
            remedy="spell it out",
        )
    major, minor, patch = (int(part) for part in found.groups())
    return major, minor, patch
