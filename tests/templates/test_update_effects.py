"""The classification of properties, complete and true to CloudFormation's schemas, and the comparison that uses it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tools import update_effects as generator
from tools.update_effects import resolved, schema
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.cloudformation.providers import PROVIDERS
from ultrafleet.templates.template_changes import ChangeAction, Template, imports, template_changes
from ultrafleet.templates.update_effects import (
    ADDED,
    REMOVED,
    Effect,
    TypeEffects,
    effect_of,
    effects_of_change,
    type_effects,
    update_effects,
)

ROOT = Path(__file__).parent.parent.parent
NODE_GROUP = "AWS::EKS::Nodegroup"
LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
GROUP = "AWS::ResourceGroups::Group"
SUBNET = "AWS::EC2::Subnet"

CUSTOM = "Custom::"
"""CDK's own resources: no schema of CloudFormation's says what they have."""
every_type = pytest.mark.parametrize(
    "resource_type", sorted(name for name in update_effects() if not name.startswith(CUSTOM))
)


def properties_below(root: Mapping[str, Any], node: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Paths of all properties, as deep as they go; a list's members have the list's path."""
    node = resolved(root, node)
    node = resolved(root, node.get("items", node)) if node.get("type") == "array" else node
    inner = node.get("properties", {})
    if not inner and path:
        yield path
    for name, child in inner.items():
        yield from properties_below(root, child, f"{path}/{name}".lstrip("/"))


def exists(root: Mapping[str, Any], path: str) -> bool:
    node: Mapping[str, Any] = resolved(root, {"properties": root["properties"]})
    for part in re.sub(r"\[[+-]\]$", "", path).split("/"):
        node = resolved(root, node)
        if part in node.get("properties", {}):
            node = node["properties"][part]
        elif "patternProperties" in node:  # a map: the user's own keys
            return any(re.search(pattern, part) for pattern in node["patternProperties"])
        else:
            return False
    return True


def classified(table: TypeEffects, path: str) -> bool:
    """By its own entry, or by both halves of a list's, or by the entry of what it is part of."""
    parts = path.split("/")
    return any(
        prefix in table.entries or {f"{prefix}{ADDED}", f"{prefix}{REMOVED}"} <= table.entries.keys()
        for prefix in ("/".join(parts[:length]) for length in range(1, len(parts) + 1))
    )


@every_type
def test_every_property_of_the_schema_is_classified(resource_type: str) -> None:
    root = schema(resource_type)
    table = type_effects(resource_type)
    paths = properties_below(root, {"properties": root["properties"]})
    assert [path for path in paths if not classified(table, path)] == []


@every_type
def test_every_classified_property_is_in_the_schema(resource_type: str) -> None:
    root = schema(resource_type)
    assert [path for path in type_effects(resource_type).entries if not exists(root, path)] == []


def test_the_generated_file_is_what_the_installed_schemas_say() -> None:
    assert generator.GENERATED.read_text() == generator.text(), "run python tests/tools/update_effects.py"


@every_type
def test_create_only_properties_replace_as_the_schema_says(resource_type: str) -> None:
    entries = type_effects(resource_type).entries
    replacing = {path for path, entry in entries.items() if entry.effect is Effect.REPLACES}
    assert replacing == set(generator.pointers(schema(resource_type), "createOnlyProperties"))


def test_a_property_without_a_judgement_is_filled_only_where_the_type_says_so() -> None:
    entry = {"rules": [{"paths": ["Labels"]}]}
    with pytest.raises(ValueError, match=r"AWS::EKS::Nodegroup has .*ScalingConfig.*expected a judgement of each"):
        generator._of_type(NODE_GROUP, entry, {})
    filled = generator._of_type("AWS::SNS::Topic", {"others": "no_replacement", "rules": []}, {})
    assert "DisplayName" in filled["no_replacement"]
    replaced = {"DisplayName": {"causesReplacement": "yes"}}
    with pytest.raises(ValueError, match="AWS::SNS::Topic DisplayName is replaced by the template reference"):
        generator._of_type("AWS::SNS::Topic", {"others": "no_replacement", "rules": []}, replaced)


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return generator.reference()


@every_type
def test_what_the_template_reference_replaces_is_not_said_to_stay(
    resource_type: str, reference: dict[str, dict[str, Any]]
) -> None:
    """A second source: where it and the schema differ, the entry says that the resource may be replaced."""
    table = type_effects(resource_type)
    for name, stated in reference[resource_type].items():
        replacing = generator.replacing(stated)
        inside = [name, *table.below(name)]
        assert replacing <= any(table.entries[path].effect.replaces for path in inside if path in table.entries), name


@every_type
def test_a_property_is_classified_once(resource_type: str) -> None:
    judged = json.loads(generator.JUDGEMENTS.read_text())["types"][resource_type]
    schemas = json.loads(generator.GENERATED.read_text())["types"][resource_type]
    paths = [path for rule in judged["rules"] for path in rule["paths"]]
    paths += [path for key, listed in schemas.items() if key != "identity" for path in listed]
    assert sorted(paths) == sorted(set(paths))


@every_type
def test_an_object_that_is_split_has_no_word_for_the_whole(resource_type: str) -> None:
    """Else a property that AWS adds inside it would pass for classified."""
    root = schema(resource_type)
    table = type_effects(resource_type)
    for path in table.entries:
        if table.below(path):
            node = resolved(root, root["properties"][path])
            assert "patternProperties" in node, f"{path} is an object with its own entry and entries inside"


@every_type
def test_every_entry_says_who_says_so(resource_type: str) -> None:
    for path, entry in type_effects(resource_type).entries.items():
        assert len(entry.source.text) > 20, path
        if "inferred" in entry.source.text:
            assert entry.source.confidence != "high", path


@every_type
def test_what_names_a_resource_is_create_only(resource_type: str) -> None:
    table = type_effects(resource_type)
    assert set(table.identity) <= set(table.create_only)


def test_the_node_group_and_the_launch_template_are_enumerated_to_the_last_leaf() -> None:
    root = schema(NODE_GROUP)
    leaves = set(properties_below(root, {"properties": root["properties"]}))
    assert {"ScalingConfig/MaxSize", "LaunchTemplate/Version", "UpdateConfig/UpdateStrategy", "Taints/Effect"} <= leaves
    effects = {path: effect_of(NODE_GROUP, path).effect for path in leaves}
    assert {path for path, effect in effects.items() if effect is Effect.ROLLS_NODES} == {
        "LaunchTemplate/Version",
        "Version",
        "ReleaseVersion",
    }
    assert {path for path, effect in effects.items() if effect is Effect.RESIZES and "WarmPool" not in path} == {
        "ScalingConfig/MinSize",
        "ScalingConfig/MaxSize",
        "ScalingConfig/DesiredSize",
    }
    root = schema(LAUNCH_TEMPLATE)
    data = {
        path for path in properties_below(root, {"properties": root["properties"]}) if "LaunchTemplateData/" in path
    }
    assert "LaunchTemplateData/NetworkInterfaces/NetworkCardIndex" in data
    assert {effect_of(LAUNCH_TEMPLATE, path).effect for path in data} == {Effect.NEW_VERSION}


def test_a_property_that_nobody_classified_is_an_error() -> None:
    with pytest.raises(FleetError, match=r"property Sails of AWS::EKS::Nodegroup is not classified"):
        effects_of_change(NODE_GROUP, {}, {"Sails": 1})
    with pytest.raises(FleetError, match=r"property ScalingConfig/Sails of AWS::EKS::Nodegroup is not classified"):
        effects_of_change(NODE_GROUP, {"ScalingConfig": {}}, {"ScalingConfig": {"Sails": 1}})
    with pytest.raises(FleetError, match="resource type AWS::S3::Table is not classified"):
        effects_of_change("AWS::S3::Table", {}, {})


def found(resource_type: str, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Effect]:
    return {change.path: change.effect for change in effects_of_change(resource_type, old, new)}


def test_changes_are_told_as_deep_as_they_are_classified() -> None:
    old = {"ScalingConfig": {"MinSize": 0, "MaxSize": 18}, "Labels": {"a": "1"}, "LaunchTemplate": {"Version": "1"}}
    new = {"ScalingConfig": {"MinSize": 0, "MaxSize": 9}, "Labels": {"a": "2"}, "LaunchTemplate": {"Version": "1"}}
    assert found(NODE_GROUP, old, new) == {
        "Labels": Effect.NO_INTERRUPTION,
        "ScalingConfig/MaxSize": Effect.RESIZES,
    }
    assert found(NODE_GROUP, old, {**old, "LaunchTemplate": {"Version": "2"}}) == {
        "LaunchTemplate/Version": Effect.ROLLS_NODES
    }
    assert found(NODE_GROUP, old, old) == {}


def test_a_part_that_goes_or_becomes_a_function_may_change_everything_inside() -> None:
    sizes = {f"ScalingConfig/{name}Size" for name in ("Min", "Max", "Desired")}
    old = {"ScalingConfig": {"MinSize": 0, "MaxSize": 18, "DesiredSize": 0}}
    assert set(found(NODE_GROUP, old, {})) == sizes
    assert set(found(NODE_GROUP, old, {"ScalingConfig": {"Fn::If": ["a", {}, {}]}})) == sizes


def test_tags_are_plain_but_for_the_ones_that_the_schedule_reads() -> None:
    old = {"Tags": {"team": "a", "ultrafleet:schedule": "capacity-blocks"}}
    assert found(NODE_GROUP, old, {"Tags": {**old["Tags"], "team": "b"}}) == {"Tags/team": Effect.NO_INTERRUPTION}
    assert found(NODE_GROUP, old, {"Tags": {**old["Tags"], "ultrafleet:schedule": "hold"}}) == {
        "Tags/ultrafleet:schedule": Effect.RESIZES
    }


def test_a_block_that_joins_a_group_and_one_that_leaves_it() -> None:
    assert found(GROUP, {"Resources": ["a"]}, {"Resources": ["a", "b"]}) == {"Resources[+]": Effect.NO_INTERRUPTION}
    assert found(GROUP, {"Resources": ["a", "b"]}, {"Resources": ["b"]}) == {"Resources[-]": Effect.RESIZES}
    assert found(GROUP, {"Resources": ["a", "b"]}, {"Resources": ["b", "a"]}) == {}
    assert set(found(GROUP, {"Resources": ["a"]}, {"Resources": {"Ref": "P"}})) == {"Resources[+]", "Resources[-]"}


def resource(resource_type: str, policy: str | None = None, **properties: Any) -> dict[str, Any]:
    return {"Type": resource_type, "Properties": properties, **({"DeletionPolicy": policy} if policy else {})}


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


def told(old: Template, new: Template) -> dict[str, str]:
    return {change.logical_id: str(change) for change in template_changes(old, new).resources}


def test_what_refers_to_a_replaced_resource_changes_with_it() -> None:
    def fleet(cidr: str) -> dict[str, Any]:
        return {
            **template(
                Vpc=resource("AWS::EC2::VPC", CidrBlock=cidr),
                Subnet=resource(SUBNET, VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24"),
                Pool=resource(NODE_GROUP, Subnets=[{"Fn::GetAtt": ["Subnet", "SubnetId"]}]),
                Named=resource(
                    NODE_GROUP, ClusterName="c", NodegroupName="n", Subnets=[{"Fn::Sub": "${Subnet.SubnetId}"}]
                ),
            ),
            "Outputs": {
                "A": {"Value": {"Ref": "Subnet"}, "Export": {"Name": "subnet"}},
                "B": {"Value": "fixed", "Export": {"Name": "other"}},
            },
        }

    changes = template_changes(fleet("10.0.0.0/16"), fleet("10.0.0.0/8"))
    assert {change.logical_id: change.refused for change in changes.resources} == {
        "Vpc": False,
        "Subnet": False,
        "Pool": False,
        "Named": True,
    }
    assert all(change.touches for change in changes.resources)
    assert changes.moved_exports == {"subnet"}
    assert changes.refused([])
    assert template_changes(fleet("10.0.0.0/16"), fleet("10.0.0.0/16")).resources == ()


def test_a_new_template_version_rolls_only_what_follows_the_latest() -> None:
    def fleet(image: str, version: object) -> dict[str, Any]:
        return template(
            Template=resource(LAUNCH_TEMPLATE, LaunchTemplateData={"ImageId": image}),
            Pool=resource(NODE_GROUP, LaunchTemplate={"Id": {"Ref": "Template"}, "Version": version}),
        )

    latest = {"Fn::GetAtt": ["Template", "LatestVersionNumber"]}
    assert told(fleet("a", latest), fleet("b", latest)) == {
        "Template": f"{LAUNCH_TEMPLATE} Template: new_version (LaunchTemplateData)",
        "Pool": f"{NODE_GROUP} Pool: rolls_nodes (LaunchTemplate/Version)",
    }
    assert set(told(fleet("a", "1"), fleet("b", "1"))) == {"Template"}


def test_what_is_taken_out_is_deleted_unless_its_policy_keeps_it() -> None:
    old = template(
        A=resource(SUBNET), B=resource(SUBNET, "Retain"), C=resource(SUBNET, "RetainExceptOnCreate"), D=resource(SUBNET)
    )
    changes = template_changes(old, template(D=resource(SUBNET), E=resource(SUBNET)))
    assert {change.logical_id: (change.action, change.touches) for change in changes.resources} == {
        "A": (ChangeAction.REMOVED, True),
        "B": (ChangeAction.LEFT, False),
        "C": (ChangeAction.LEFT, False),
        "E": (ChangeAction.ADDED, False),
    }


def test_an_export_that_goes_is_refused_while_it_is_imported() -> None:
    old = {**template(), "Outputs": {"A": {"Value": "x", "Export": {"Name": "a"}}, "B": {"Value": "y"}}}
    changes = template_changes(old, template())
    assert changes.refused(["a"])
    assert not changes.refused(["b"])
    assert imports(template(P=resource(NODE_GROUP, NodeRole={"Fn::ImportValue": "a"}))) == {"a"}


def test_another_type_under_the_same_logical_id_is_refused() -> None:
    changes = template_changes(template(A=resource(SUBNET)), template(A=resource(GROUP)))
    assert changes.refused([])


@pytest.mark.parametrize("resource_type", sorted(name for name in update_effects() if name.startswith(CUSTOM)))
def test_a_custom_resource_is_classified_as_far_as_the_embedded_aws_knows_it(resource_type: str) -> None:
    assert set(type_effects(resource_type).entries) == PROVIDERS[resource_type].known
