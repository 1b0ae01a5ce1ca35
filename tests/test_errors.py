import copy
import pickle

import pytest

from ultrafleet.errors import FleetError, UnknownFactError


def test_the_parts_are_attributes_and_render_one_sentence() -> None:
    error = FleetError(path="max_nodes", got=0, expected="1 or more", remedy="raise it")
    assert str(error) == "max_nodes is 0, expected 1 or more: raise it"
    assert (error.path, error.got, error.expected, error.remedy) == ("max_nodes", "0", "1 or more", "raise it")


def test_a_verb_replaces_is_and_a_remedy_is_optional() -> None:
    error = FleetError(path="subnet a", verb="has", got="5 usable IPs", expected="18")
    assert str(error) == "subnet a has 5 usable IPs, expected 18"
    assert error.remedy is None


def test_an_error_inside_a_larger_thing_keeps_its_class_and_parts() -> None:
    error = UnknownFactError(path="price", got="unknown", expected="a number", remedy="pass one").within("type p6e")
    assert isinstance(error, UnknownFactError)
    assert str(error) == "type p6e: price is unknown, expected a number: pass one"
    assert error.as_json() == {
        "message": str(error),
        "path": "type p6e: price",
        "got": "unknown",
        "expected": "a number",
        "remedy": "pass one",
    }


def test_a_whole_message_has_no_parts() -> None:
    error = FleetError("the app did not synthesise").within("dev")
    assert str(error) == "dev: the app did not synthesise"
    assert (error.path, error.got) == ("dev", None)


@pytest.mark.parametrize("parts", [{}, {"path": "a"}, {"path": "a", "got": 1}, {"got": 1, "expected": 2}])
def test_parts_that_make_no_sentence_are_an_error_of_the_programmer(parts: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="path, got and expected"):
        FleetError(**parts)  # type: ignore[arg-type]


def test_errors_survive_copies_and_processes() -> None:
    error = FleetError(path="a", got=1, expected=2, remedy="c")
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert other.as_json() == error.as_json()
