"""Operations of the embedded AWS that only ask: quotas, regions, images, checks of machines and filter patterns."""

from functools import cache

from ultrafleet.rehearsal.questions import filters, images, machines, quotas, regions

__all__ = ["install"]


@cache
def install() -> None:
    """Add the operations to moto; a second call does nothing."""
    for part in (quotas, regions, images, machines, filters):
        part.install()
