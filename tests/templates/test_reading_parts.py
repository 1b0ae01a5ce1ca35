"""Parts that the policy, reviews, preflight and the rehearsal share: references, text of templates, assemblies."""

import json
from pathlib import Path
from typing import Any

import pytest

from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import manifest_stacks, read_assembly
from ultrafleet.templates.references import Reference, attribute_reference, only_variable, references, substituted
from ultrafleet.templates.template_text import parsed_text

STACK = "aws:cloudformation:stack"


class TestReferences:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({"Ref": "A"}, [Reference("A")]),
            ({"Fn::GetAtt": ["A", "Arn"]}, [Reference("A", "Arn")]),
            ({"Fn::GetAtt": "A.Outputs.B"}, [Reference("A", "Outputs.B")]),
            ({"Fn::GetAtt": ["A", {"Ref": "B"}]}, [Reference("A"), Reference("B")]),
            ({"Fn::Sub": "${A}-${B.Arn}-${!C}-${AWS::Region}"}, [Reference("A"), Reference("B", "Arn"), "AWS::Region"]),
            ({"Fn::Sub": ["${A}-${own}", {"own": {"Ref": "B"}}]}, [Reference("A"), Reference("B")]),
            ({"Fn::Join": ["", ["x", {"Ref": "A"}]]}, [Reference("A")]),
            ({"Fn::Sub": {}}, []),
            ("${A}", []),
        ],
    )
    def test_are_found(self, value: Any, expected: list[Any]) -> None:
        assert list(references(value)) == [Reference(item) if isinstance(item, str) else item for item in expected]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("${A}/${B.Arn}", "<A>/<B.Arn>"),
            ("${!A} ${B}", "${A} <B>"),
            ("echo ${!X:-{}} $Y", "echo ${X:-{}} $Y"),
            ("$A {B}", "$A {B}"),
        ],
    )
    def test_are_replaced_in_text(self, text: str, expected: str) -> None:
        assert substituted(text, lambda name: f"<{name}>") == expected

    def test_a_variable_alone(self) -> None:
        assert [only_variable(text) for text in ("${A}", "${A.Arn}", "${!A}", "a${A}", "${A}${B}")] == [
            True,
            True,
            False,
            False,
            False,
        ]

    def test_get_att_without_an_attribute_is_none(self) -> None:
        with pytest.raises(ValueError, match="expected a logical id and an attribute"):
            attribute_reference("A")


class TestText:
    def test_short_forms_become_long_ones(self) -> None:
        text = "A: !GetAtt B.C.D\nE: !Ref F\nG: !If [H, !Sub '${I}', 2026-11-25]\nJ: !Condition K\n"
        assert parsed_text(text) == {
            "A": {"Fn::GetAtt": ["B", "C.D"]},
            "E": {"Ref": "F"},
            "G": {"Fn::If": ["H", {"Fn::Sub": "${I}"}, "2026-11-25"]},
            "J": {"Condition": "K"},
        }

    def test_a_merged_key_may_be_stated_again(self) -> None:
        assert parsed_text("base: &base {a: 1, b: 2}\nmore:\n  <<: *base\n  b: 3\n")["more"] == {"a": 1, "b": 3}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("A:\n  B: 1\n  C: 2\n  B: 3\n", r"duplicate key 'B': remove one.*line 4"),
            ('{"A": {"B": 1, "B": 2}}', "duplicate key 'B': remove one"),
            ("? [a]\n: 1\n", "unhashable key"),
            ("{", "Expecting"),
        ],
    )
    def test_refuses(self, text: str, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            parsed_text(text)


def manifest(**properties: Any) -> str:
    return json.dumps(
        {
            "artifacts": {
                "Second": {
                    "type": STACK,
                    "environment": "aws://111122223333/us-east-1",
                    "properties": {"templateFile": "b.json", "stackName": "dev-b", **properties},
                    "dependencies": ["First", "Assets"],
                },
                "Assets": {"type": "cdk:asset-manifest", "properties": {}},
                "First": {"type": STACK, "properties": {"templateFile": "a.json"}},
            }
        }
    )


class TestAssembly:
    def test_stacks_come_after_what_they_need(self) -> None:
        first, second = manifest_stacks(manifest(terminationProtection=True))
        assert (first.name, first.place, first.needs) == ("First", "", ())
        assert (second.name, second.place, second.needs) == ("dev-b", "111122223333/us-east-1", ("First",))
        assert [first.termination_protection, second.termination_protection] == [False, True]

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"artifacts": {"A": {"type": "aws:cloudformation:stack"}}}'])
    def test_another_file_is_refused(self, text: str) -> None:
        with pytest.raises(FleetError, match=r"manifest\.json is no manifest of a cloud assembly"):
            manifest_stacks(text)

    def test_templates_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "manifest.json").write_text(manifest())
        with pytest.raises(FleetError, match="holds no cloud assembly"):
            read_assembly(tmp_path)
        for name in ("a", "b"):
            (tmp_path / f"{name}.json").write_text('{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}')
        assert [(stack.name, stack.resource_count, stack.size_bytes) for stack in read_assembly(tmp_path)] == [
            ("First", 1, 49),
            ("dev-b", 1, 49),
        ]
