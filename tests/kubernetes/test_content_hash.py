"""The hash of what pods read: another content is another hash, and nothing else is."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.kubernetes.content_hash import CONFIGURATION_ANNOTATION, configuration_annotation, content_hash
from ultrafleet.kubernetes.manifest import kubernetes_object

DATA = st.dictionaries(st.text(min_size=1), st.text(), max_size=4)


def config_map(data: Any, name: str = "engine") -> dict[str, Any]:
    return kubernetes_object("v1", "ConfigMap", name, data=data)


@given(one=DATA, other=DATA)
def test_another_content_is_another_hash(one: dict[str, str], other: dict[str, str]) -> None:
    assert (content_hash([config_map(one)]) == content_hash([config_map(other)])) is (one == other)


@given(st.lists(DATA, max_size=4), st.randoms())
def test_order_and_names_do_not_count(contents: list[dict[str, str]], random: Any) -> None:
    objects = [config_map(data, f"n{number}") for number, data in enumerate(contents)]
    others = [config_map(dict(reversed(data.items())), "same") for data in contents]
    random.shuffle(others)
    assert content_hash(objects) == content_hash(others)


def test_secrets_count_too() -> None:
    made = [kubernetes_object("v1", "Secret", "key", stringData={"key": value}) for value in ("a", "b")]
    assert content_hash(made[:1]) != content_hash(made[1:])


def test_the_number_of_a_token_does_not_count_and_its_name_does() -> None:
    texts = [f"region: ${{Token[{name}]}}" for name in ("AWS.Region.4", "AWS.Region.17", "AWS.AccountId.4")]
    first, second, third = (content_hash([config_map({"x": text})]) for text in texts)
    assert first == second != third


def test_pods_that_read_nothing_have_no_annotation() -> None:
    assert configuration_annotation([]) == {}
    assert set(configuration_annotation([config_map({})])) == {CONFIGURATION_ANNOTATION}
