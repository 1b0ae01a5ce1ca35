"""Edits of a template's text: what they change, and that nothing else changes, however the text is formatted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.fix.edits import Append, Edit, Put, Remove, edited_content, edited_text
from ultrafleet.fix.tree import CannotEditError
from ultrafleet.templates.parsing import parsed_content

CONTENT: dict[str, Any] = {
    "Resources": {
        "Lt": {
            "Type": "AWS::EC2::LaunchTemplate",
            "Properties": {"Options": {"Tokens": "optional", "Hops": 3}, "Groups": ["a", "b"], "Key": "mine"},
        },
        "Sg": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"Rules": [{"Port": 22}, {"Port": 443}]}},
    }
}
PROPERTIES = ("Resources", "Lt", "Properties")
EDITS: tuple[Edit, ...] = (
    Put((*PROPERTIES, "Options", "Tokens"), "required"),
    Put((*PROPERTIES, "Options", "Endpoint"), True),
    Put((*PROPERTIES, "Placement", "Tenancy", "Kind"), "default"),
    Put((*PROPERTIES, "Key"), {"Fn::GetAtt": ["Sg", "GroupId"]}),
    Put(("Resources", "Another"), {"Type": "AWS::EC2::Thing", "Properties": {"Of": [{"Ref": "Sg"}, "x"]}}),
    Remove((*PROPERTIES, "Key")),
    Remove(("Resources", "Sg")),
    Remove(("Resources", "Sg", "Properties", "Rules", 0)),
    Remove(("Resources", "Sg", "Properties", "Rules", 1)),
    Append((*PROPERTIES, "Groups"), ("c", {"Ref": "Sg"})),
    Append(("Resources", "Sg", "Properties", "Rules"), ({"Port": 80, "Of": {"Ref": "Lt"}},)),
)


class Writer:
    """Writer of templates in whatever formatting the draws ask for, with a comment on each line that may have one."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.step = draw(st.sampled_from([2, 3, 4]))
        self.comments = 0

    def scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        return str(self.draw(st.sampled_from([value, json.dumps(value), f"'{value}'"])))

    def key(self, name: str) -> str:
        return str(self.draw(st.sampled_from([name, name, f'"{name}"', f"'{name}'"])))

    def comment(self) -> str:
        if not self.draw(st.booleans()):
            return ""
        self.comments += 1
        return f"  # comment {self.comments}."

    def flow(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{self.key(key)}: {self.flow(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[ " + " , ".join(map(self.flow, value)) + " ]"
        return self.scalar(value)

    def lines(self, value: Any, indent: int) -> list[str]:
        space, found = " " * indent, []
        if isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, dict | list) and self.draw(st.integers(0, 3)):
                    found.append(f"{space}{self.key(key)}:{self.comment()}")
                    within = isinstance(item, dict) or self.draw(st.booleans())
                    found += self.lines(item, indent + self.step if within else indent)
                else:
                    found.append(f"{space}{self.key(key)}: {self.flow(item)}{self.comment()}")
                if self.draw(st.integers(0, 5)) == 0:
                    found.append("")
            return found
        for item in value:
            if isinstance(item, dict) and self.draw(st.booleans()):
                first, *others = self.lines(item, indent + 2)
                found += [f"{space}- {first.lstrip()}", *others]
            else:
                found.append(f"{space}- {self.flow(item)}{self.comment()}")
        return found


@st.composite
def texts(draw: Any) -> str:
    """The template in some formatting."""
    if draw(st.booleans()):
        indent = draw(st.sampled_from([None, 2, 4, "\t"]))
        made = json.dumps(CONTENT, indent=indent, separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])))
    else:
        made = "\n".join(["# the first line", *Writer(draw).lines(CONTENT, 0)])
    made = made.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))
    return made + draw(st.sampled_from(["", "\n"])) if "\r\n" not in made else made


@given(texts(), st.sampled_from(EDITS))
def test_an_edit_of_any_formatting_changes_what_is_meant_and_nothing_else(text: str, edit: Edit) -> None:
    made = edited_text(text, [edit])
    assert parsed_content(made, "made") == edited_content(parsed_content(text, "text"), [edit])
    kept = set(text.splitlines()) - set(made.splitlines())
    added = set(made.splitlines()) - set(text.splitlines())
    if not isinstance(edit, Remove):
        assert made.count("#") == text.count("#")
        assert len(kept) <= 1  # of the lines that were there one at most is written anew
    else:
        assert len(added) <= 1
    assert ("\r\n" in made) == ("\r\n" in text)


@given(texts(), st.lists(st.sampled_from(EDITS[:5]), unique_by=str, min_size=2))
def test_edits_add_up(text: str, edits: list[Edit]) -> None:
    made = edited_text(text, edits)
    assert parsed_content(made, "made") == edited_content(parsed_content(text, "text"), edits)


def test_lines_of_a_literal_text_that_stay_are_kept() -> None:
    text = "a: |\n    first\n\n    second\n# a comment\nb: 1\n"
    made = edited_text(text, [Put(("a",), "first\n\nmiddle\n\nsecond\n")])
    assert made == "a: |\n    first\n\n    middle\n\n    second\n# a comment\nb: 1\n"


def test_a_short_intrinsic_is_a_way_to_its_value() -> None:
    text = "UserData: !Base64 |\n  one\nKey: !Sub  'x'\n"
    made = edited_text(text, [Put(("UserData", "Fn::Base64"), "two\n"), Put(("Key", "Fn::Sub"), "it's")])
    assert made == "UserData: !Base64 |\n  two\nKey: !Sub  'it''s'\n"


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("a: &x {b: 1}\nc: *x\n", Put(("c", "b"), 2)),
        ("a: &x {b: 1}\nc: *x\n", Put(("a", "b"), 2)),
        ("a: &x\n  b: 1\nc:\n  <<: *x\n", Put(("a", "b"), 2)),
    ],
    ids=["an alias", "its anchor", "a merge key"],
)
def test_fails_to_edit_what_is_repeated(text: str, edit: Edit) -> None:
    with pytest.raises(CannotEditError, match="an alias there"):
        edited_text(text, [edit])


@pytest.mark.parametrize(
    ("text", "edit", "message"),
    [
        ("a: >\n  one\n", Put(("a",), "two\n"), "a folded text"),
        ("a: |2\n  one\n", Put(("a",), "two\n"), "indentation is stated"),
        ("a: !If [c, {b: 1}, {b: 2}]\n", Put(("a", "b"), 3), "a function there"),
        ("a: {b: 1}\n", Remove(("a", "c")), "nothing there"),
        ("a: !Ref x\n", Append(("a",), (1,)), "no list"),
        ("a: [b, # why\n  c]\n", Remove(("a", 0)), "a comment inside"),
    ],
)
def test_fails_where_more_would_change(text: str, edit: Edit, message: str) -> None:
    with pytest.raises(CannotEditError, match=message):
        edited_text(text, [edit])
