"""Fixtures of the embedded AWS."""

from collections.abc import Iterator

import pytest

from helpers.stack_calls import calls
from ultrafleet.rehearsal.calls import Calls


@pytest.fixture
def call() -> Iterator[Calls]:
    """Calls to an empty embedded AWS; some files have one of their own."""
    with calls() as made:
        yield made
