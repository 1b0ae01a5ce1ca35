"""Words after `app.py`: those of `make synth`, and no others."""

from datetime import date

import pytest

from ultrafleet.app.arguments import Arguments
from ultrafleet.errors import FleetError


def test_no_words_are_the_cdk_cli_s() -> None:
    assert Arguments.of([]) is None


def test_words_of_make_synth() -> None:
    assert Arguments.of(["synth"]) == Arguments()
    assert Arguments.of(["synth", "dev", "--as-of", "2026-12-20"]) == Arguments(
        environment="dev", as_of=date(2026, 12, 20)
    )


@pytest.mark.parametrize(
    "words", [["deploy"], ["synth", "dev", "training"], ["synth", "--as-of", "soon"], ["synth", "--quiet"]]
)
def test_fails_for_other_words(words: list[str]) -> None:
    with pytest.raises(FleetError, match=r"app\.py was given '.*', expected synth \[ENVIRONMENT\]"):
        Arguments.of(words)


def test_a_summary_of_another_day_or_environment_is_another_one() -> None:
    one = Arguments(environment="dev", as_of=date(2026, 12, 20))
    others = [Arguments(environment="dev", as_of=date(2026, 12, 21)), Arguments(as_of=date(2026, 12, 20))]
    assert one.surroundings not in {other.surroundings for other in others}
