"""JSON Schema of environment files, held by an independent validator against the shipped and against wrong files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from helpers.command import run
from tools.environment_document import SCHEMA
from ultrafleet.environment import Environment
from ultrafleet.environment.schema import Key, environment_schema, keys, schema_text

FOLDER = Path(__file__).parents[2] / "stacks" / "environments"
SHIPPED = sorted(FOLDER.glob("*.yaml"))
Content = dict[str, Any]

KEYS = keys()
NUMBERS_WITHOUT_A_UNIT = {
    "launch_template_version",
    "metadata_hop_limit",
    "initial_desired_size",
    "fair_sharing_weight",
    "service_level",
}


class TextLoader(yaml.SafeLoader):
    """Reads YAML as JSON has it: moments are text."""


TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def shipped(name: str) -> Content:
    content: Content = yaml.load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=TextLoader)  # noqa: S506
    return content


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator(environment_schema())


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(environment_schema())


def test_the_file_in_the_package_is_that_of_the_models() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "run tests/tools/environment_document.py"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_files_are_valid(validator: Any, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(shipped(path.stem))] == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_files_name_the_schema(path: Path) -> None:
    line = path.read_text(encoding="utf-8").splitlines()[0]
    _, equals, named = line.partition("# yaml-language-server: $schema=")
    assert equals
    assert (path.parent / named).resolve() == SCHEMA.resolve()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_each_key_has_its_text(key: Key) -> None:
    assert len(key.text.split()) > 1, "state it as the docstring under the field"
    assert key.example is not None, "state it: Field(examples=[...])"
    assert key.default is None or key.default != "`null`", (
        "end the docstring with 'Default: none.' or with what applies"
    )


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_each_number_has_its_unit(key: Key) -> None:
    if isinstance(key.example, int | float) and not isinstance(key.example, bool):
        assert key.unit or key.name in NUMBERS_WITHOUT_A_UNIT, 'state it: json_schema_extra={"unit": "minutes"}'


def described(part: dict[str, Any], schema: dict[str, Any]) -> int:
    """Properties of the schema, each with a description and an example of the right type."""
    for name, value in part.get("properties", {}).items():
        assert value["description"], name
        (example,) = value["examples"]
        errors = list(jsonschema.Draft202012Validator({**value, "$defs": schema["$defs"]}).iter_errors(example))
        assert errors == [], name
    return len(part.get("properties", {}))


def test_every_property_has_a_text_and_a_valid_example() -> None:
    schema = environment_schema()
    count = sum(described(part, schema) for part in [schema, *schema["$defs"].values()])
    assert count >= len(KEYS) >= 120


def test_no_property_of_the_models_is_missing() -> None:
    assert set(environment_schema()["properties"]) == set(Environment.model_fields) - {"name"}


WRONG: list[tuple[str, str, Callable[[Content], object]]] = [
    ("an unknown key", "training", lambda c: c.update(colour="red")),
    ("a name", "training", lambda c: c.update(name="training")),
    ("an unknown key of a pool", "training", lambda c: c["pools"][0].update(generatoin=2)),
    ("a key of the other kind of pool", "training", lambda c: c["pools"][0].update(instance_type="p5.48xlarge")),
    ("an unknown key of a block", "training", lambda c: c["pools"][0]["blocks"][0].update(ends="x")),
    ("a missing key", "training", lambda c: c.pop("region")),
    ("a missing key of a block", "training", lambda c: c["pools"][0]["blocks"][0].pop("end")),
    ("no kind", "training", lambda c: c["pools"][0].pop("kind")),
    ("another kind", "training", lambda c: c["pools"][0].update(kind="rack")),
    ("a text for a boolean", "training", lambda c: c.update(production="yes")),
    ("a number for an account", "training", lambda c: c.update(account=111122223333)),
    ("eleven digits", "training", lambda c: c.update(account="11112222333")),
    ("a zone for a region", "training", lambda c: c.update(region="us-east-1a")),
    ("a region for a zone", "training", lambda c: c["network"]["subnets"][0].update(availability_zone="us-east-1")),
    ("another kind of subnet", "training", lambda c: c["network"]["subnets"][0].update(kind="public")),
    ("a text for a list", "training", lambda c: c.update(notify="ops@example.com")),
    ("a mapping for a list", "training", lambda c: c.update(pools={})),
    ("an UltraServer without blocks", "training", lambda c: c["pools"][0].update(blocks=[])),
    ("an unknown instance type", "training", lambda c: c["pools"][2].update(instance_type="p6-b301.48xlarge")),
    ("an unknown UltraServer", "training", lambda c: c["pools"][0].update(ultraserver_type="u-p6e-gb200x71")),
    ("a number for a version", "training", lambda c: c.update(cluster={"kubernetes_version": 1.34})),
    ("a day for a moment", "training", lambda c: c["pools"][0]["blocks"][0].update(end="2026-12-01")),
    ("a moment without an offset", "training", lambda c: c["pools"][0]["blocks"][0].update(end="2026-12-01T11:30:00")),
    ("a name in capitals", "training", lambda c: c["pools"][0].update(name="Rack-A")),
    ("0 nodes", "dev", lambda c: c["pools"][0].update(nodes=0)),
    ("a text for a number", "dev", lambda c: c["pools"][0].update(nodes="1")),
    ("another delivery", "dev", lambda c: c.update(kubernetes={"delivery": "flux"})),
]  # fmt: skip


@pytest.mark.parametrize(("name", "edit"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_fails_as_the_models_do(validator: Any, name: str, edit: Callable[[Content], object]) -> None:
    content = shipped(name)
    edit(content)
    assert list(validator.iter_errors(content))


def test_the_command_prints_and_writes_it(tmp_path: Path) -> None:
    assert json.loads(run("schema").stdout) == environment_schema()
    written = tmp_path / "environment.schema.json"
    run("schema", "--out", str(written))
    assert written.read_text(encoding="utf-8") == schema_text()


def test_fails_on_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    done = run("schema", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "expected a file that can be written" in done.stderr
