"""The list of all facts: nothing is left out of it, and each says where it is known from."""

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from helpers.command import run
from ultrafleet.catalog import Confidence, Fact, Source
from ultrafleet.facts import Known, ListedFact, all_facts

FACTS = all_facts()
PACKAGE = Path(__file__).parent.parent.parent / "constructs" / "ultrafleet"
KEYS = {"id", "value", "source", "confidence", "address", "as_of", "note"}
ROOMS = {
    "acceptance-floor", "agreement", "assumption", "capacity-block", "chart", "consistency", "efa-support", "eks",
    "engine", "engine-recipe", "fault", "gateway", "instance-type", "layout", "limit", "metric", "model", "policy",
    "price", "price-record", "refusal", "review", "serving-throughput", "ultraserver-type", "update-effect",
    "version-rule",
}  # fmt: skip


def declared() -> dict[str, str]:
    """Dataclasses with a field `source: Source` -> their module."""
    return {
        node.name: f"ultrafleet.{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts)}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign)
        and ast.unparse(field.target) == "source"
        and re.fullmatch(r"Source( \| None)?", ast.unparse(field.annotation))
    }


def test_every_room_is_there() -> None:
    assert {item.room for item in FACTS} == ROOMS


def test_ids_are_unique_and_have_no_blanks() -> None:
    counted = Counter(item.id for item in FACTS)
    assert [fact_id for fact_id, count in counted.items() if count > 1] == []
    assert all(re.fullmatch(r"[^\s/]+(/[^\s]+)+", fact_id) for fact_id in counted)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_value_has_a_source_and_an_unknown_one_a_reason(room: str) -> None:
    for item in FACTS:
        if item.room != room:
            continue
        if item.fact.value is None:
            assert item.fact.source is None, item.id
            assert item.fact.note, item.id
        else:
            assert isinstance(item.fact.source, Source), item.id
            assert item.fact.source.text, item.id
            for part in item.fact.source.parts:
                assert isinstance(part.confidence, Confidence), item.id
                assert not re.search(r"\b(high|medium|low)\)", part.text), f"{item.id}: a confidence inside a text"


def test_no_record_with_a_source_is_forgotten() -> None:
    """Whatever is made with a source when its module is imported is listed.

    In a process of its own, so that what other tests made is not among it.
    """
    script = f"""
import gc, importlib
from ultrafleet.catalog.source import CALLER, Fact
from ultrafleet.facts import all_facts
found = {{}}
listed = {{part for item in all_facts() if item.fact.source for part in item.fact.source.parts}}
for name, module in {declared()!r}.items():
    found[getattr(importlib.import_module(module), name)] = []
for item in gc.get_objects():
    if type(item) in found and item.source not in (None, CALLER):
        found[type(item)].append(item.source)
for kind, sources in found.items():
    lost = sorted({{str(source) for source in sources if source not in listed}})
    print(kind.__name__, len(sources), *lost, sep="\\t")
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    lines = [line.split("\t") for line in shown.splitlines()]
    assert {name: lost for name, _, *lost in lines if lost} == {}
    # Answers to a question, made when it is asked; their sources are those of rules and assumptions.
    answers = {"FleetError", "Refusal", "RestedOn"}
    assert {name for name, count, *_ in lines if count == "0"} == answers & set(declared())
    assert {"PolicyRule", "HazardRule", "VersionRule", "ConsistencyRule", "LayoutRule", "RefusalRule", "Fault"} <= {
        name for name, *_ in lines
    }


def test_a_fact_is_known_as_well_as_its_weakest_part() -> None:
    source = Source("rule", also=(Source("code", Confidence.LOW), Source("message", Confidence.MEDIUM)))
    item = ListedFact(id="refusal/x", fact=Fact("code", source))
    assert item.known is Known.LOW
    assert item.keys["source"] == "rule (high); code (low); message (medium)"
    assert ListedFact(id="x/y", fact=Fact(None, note="why")).known is Known.UNKNOWN


class TestCommand:
    def test_json_has_the_keys_of_every_fact(self) -> None:
        content = json.loads(run("facts", "--json").stdout)
        assert [item["id"] for item in content] == [item.id for item in FACTS]
        for item in content:
            assert set(item) == KEYS
            assert (item["confidence"] is None) == (item["value"] is None) == (item["source"] is None), item["id"]
            assert item["confidence"] in {None, *map(str, Confidence)}

    def test_a_rule_says_what_it_protects_from_and_a_limit_when_it_held(self) -> None:
        (rule,) = json.loads(run("facts", "--json", "policy/efa-layout").stdout)
        assert rule["value"].startswith("instances that EC2 refuses")
        assert rule["confidence"] == "high"
        assert "efa-layout.md" in rule["source"]
        limit, _ = json.loads(run("facts", "--json", "limit/eks/nodes-per-node-group").stdout)
        assert (limit["value"], limit["as_of"]) == (450, "2026-11")
        assert limit["address"].startswith("https://docs.aws.amazon.com/eks/")

    def test_a_refusal_says_what_is_refused_and_how(self) -> None:
        (refusal,) = json.loads(run("facts", "--json", "refusal/ec2/subnet-full").stdout)
        assert refusal["value"] == "a subnet with fewer free addresses than the launch needs"
        assert refusal["note"] == "AWS answers InsufficientFreeAddressesInSubnet"

    @pytest.mark.parametrize("known", list(Known))
    def test_filters_by_confidence(self, known: Known) -> None:
        content = json.loads(run("facts", "--json", "--confidence", known).stdout)
        assert {item["confidence"] or "unknown" for item in content} == {known}
        assert [item["id"] for item in content] == [item.id for item in FACTS if item.known is known]

    def test_filters_by_several(self) -> None:
        content = json.loads(run("facts", "--json", "limit/", "--confidence", "low", "--confidence", "unknown").stdout)
        assert {item["confidence"] for item in content} == {None, "low"}
        assert all(item["id"].startswith("limit/") for item in content)

    def test_the_table_ends_with_counts(self) -> None:
        shown = run("facts", "layout/")
        assert shown.returncode == 0
        for item in FACTS:
            assert (item.id in shown.stdout) == (item.room == "layout"), item.id
        assert shown.stdout.splitlines()[-1] == "12 facts: 12 high, 0 medium, 0 low, 0 unknown"

    def test_nothing_that_is_known_so_badly_is_no_error(self) -> None:
        shown = run("facts", "layout/", "--confidence", "low")
        assert (shown.returncode, shown.stdout) == (0, "0 facts: 0 high, 0 medium, 0 low, 0 unknown\n")

    def test_refuses_a_prefix_that_nothing_has(self) -> None:
        refused = run("facts", "p6e")
        assert refused.returncode == 2
        assert refused.stdout == ""
        assert "no fact's id begins with 'p6e', expected one of instance-type/" in refused.stderr

    def test_faults_are_listed_without_the_extra(self) -> None:
        script = (
            "import sys\n"
            "for name in ('aws_cdk', 'boto3', 'cfnlint', 'jsonata', 'moto'): sys.modules[name] = None\n"
            "sys.argv = ['ultrafleet', 'local', 'faults', '--json']\n"
            "from ultrafleet.cli import main\n"
            "main()"
        )
        shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        faults = [item for item in FACTS if item.room == "fault"]
        assert [(item["name"], item["confidence"]) for item in json.loads(shown)] == [
            (item.id.removeprefix("fault/"), item.known) for item in faults
        ]

    def test_needs_no_cdk_and_no_extra(self) -> None:
        script = (
            "import sys\n"
            "for name in ('aws_cdk', 'boto3', 'cfnlint', 'jsonata', 'moto'): sys.modules[name] = None\n"
            "from ultrafleet.facts import all_facts\n"
            "print(len(all_facts()))"
        )
        shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        assert int(shown) == len(FACTS)
