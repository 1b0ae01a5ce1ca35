"""Operations of the embedded AWS that only ask: quotas, regions, image parameters, checks of state machines."""

from functools import cache

from ultrafleet.rehearsal.questions import images, machines, quotas, regions

__all__ = ["install"]


@cache
def install() -> None:
    """Add the operations to moto; a second call does nothing."""
    for part in (quotas, regions, images, machines):
        part.install()
