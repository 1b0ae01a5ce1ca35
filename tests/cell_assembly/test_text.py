"""Ids, cut texts and JSON in parts: what a cell is written from."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.cell_assembly.ids import unique_id
from ultrafleet.cell_assembly.json_text import dumps, member
from ultrafleet.cell_assembly.segments import Segments

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    max_leaves=8,
)


def test_ids_are_those_of_the_cdk() -> None:
    # Read from assemblies of aws-cdk-lib 2.275.
    assert unique_id(["training", "pool-rack-b"]) == "trainingpoolrackbD43264FE"
    path = ["Pool", "cr-0bbbbbbbbbbbbbbb1", "LaunchTemplate"]
    assert unique_id(path) == "Poolcr0bbbbbbbbbbbbbbb1LaunchTemplate7A8EE2E7"
    assert unique_id(["Pool", "cr-0bbbbbbbbbbbbbbb1", "Resource"]) == "Poolcr0bbbbbbbbbbbbbbb1C3CF12A4"
    assert unique_id(["Network", "Cidr-100-127-0-0-16"]) == "NetworkCidr1001270016B528AAED"


def test_an_id_of_one_part_has_no_hash_and_a_part_isn_t_said_twice() -> None:
    assert unique_id(["Default", "a-b"]) == "ab"
    assert unique_id(["Role", "Role"])[:-8] == "Role"
    assert unique_id(["MyRole", "Role", "x"])[:-8] == "MyRolex"


@given(st.text(alphabet="abxyz", max_size=40), st.text(alphabet="abxyz", max_size=4))
def test_a_text_that_is_filled_with_its_own_words_is_itself(text: str, value: str) -> None:
    segments = Segments.cut(text, {"ab": "short", "abx": "long"})
    assert segments.fill({"short": "ab", "long": "abx"}) == text
    filled = segments.fill({"short": value, "long": value})
    assert filled == text.replace("abx", "\0").replace("ab", "\0").replace("\0", value)


@given(st.dictionaries(st.text(min_size=1), VALUES, min_size=1), st.integers(min_value=1, max_value=2))
def test_members_of_an_object_are_its_text(content: dict[str, object], indent: int) -> None:
    members = ",\n".join(member(key, value, indent=indent) for key, value in content.items())
    assert f"{{\n{members}\n}}" == dumps(content, indent=indent)
    below = ",\n".join(member(key, value, indent=indent, depth=2) for key, value in content.items())
    pad = " " * indent
    assert f'{{\n{pad}"a": {{\n{below}\n{pad}}}\n}}' == json.dumps({"a": content}, indent=indent, ensure_ascii=False)
