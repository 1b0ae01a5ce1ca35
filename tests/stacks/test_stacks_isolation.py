"""Changes by an edit of an environment, and stacks that it must not change: record 13 as a test.

Each case synthesises a pair of environments and compares their templates, property by property.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml

from ultrafleet.environment import load_environment
from ultrafleet.rules import user_data
from ultrafleet.stacks.fleet_stage import FleetStage

pytestmark = pytest.mark.slow
ENVIRONMENTS = Path(__file__).parent.parent.parent / "stacks" / "environments"

Templates = dict[str, dict[str, Any]]
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def synth(tmp_path: Path, cdk_context: dict[str, Any]) -> Callable[..., Templates]:
    """Templates of an edited copy of a shipped environment, by stack."""

    def run(edit: Edit | None = None, *, name: str = "training") -> Templates:
        content = yaml.safe_load((ENVIRONMENTS / f"{name}.yaml").read_text())
        if edit is not None:
            edit(content)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content))
        app = cdk.App(context=cdk_context, analytics_reporting=False, builtin_cloud_formation_validation=False)
        stage = FleetStage(app, environment=load_environment(path))
        return {stack.stack_name: deepcopy(stack.template) for stack in stage.synth().stacks}

    return run


def differences(before: object, after: object, path: str = "") -> set[str]:
    """Paths at which two JSON values differ, down to the smallest object that does."""
    if isinstance(before, dict) and isinstance(after, dict):
        return {
            found
            for key in {*before, *after}
            for found in (
                differences(before[key], after[key], f"{path}/{key}")
                if key in before and key in after
                else {f"{path}/{key}"}
            )
        }
    return set() if before == after else {path}


def changes(before: Templates, after: Templates) -> dict[str, set[str]]:
    """Changed paths, by stack; a stack that is new or gone has the path ''."""
    return {
        stack: found
        for stack in {*before, *after}
        if (found := differences(before[stack], after[stack]) if stack in before and stack in after else {""})
    }


def logical_ids(template: dict[str, Any], resource_type: str) -> set[str]:
    found = {key for key, value in template["Resources"].items() if value["Type"] == resource_type}
    assert found
    return found


def pool(content: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [item for item in content["pools"] if item["name"] == name]
    return found  # type: ignore[no-any-return]


OF_BLOCKS = ("NotEmpty", "BelowSize", "NoSuccessor")
"""Alarms of a block."""
OF_POOLS = ("/Resources/Dashboard", *(f"/Resources/Alarms{name}" for name in ("Unused", *OF_BLOCKS)))


def besides(found: dict[str, set[str]], *expected: str) -> dict[str, set[str]]:
    """Changes but for those that have to be, and on which no node stands.

    "queue": quotas, which are what the pools hold. "operate": the dashboard, and alarms on pools and reservations.
    "care": how many nodes of each pool's UltraServers are open.
    """
    if "queue" in expected:
        (quota,) = found.pop("training-kubernetes")
        assert quota.startswith("/Resources/PlatformClusterQueuetraining")
        assert quota.endswith("/Properties/Manifest")
    if "operate" in expected:
        for path in found.pop("training-operate"):
            assert path.startswith(OF_POOLS), path
    if "care" in expected:
        for path in found.pop("training-care"):
            assert path.startswith(("/Resources/CareCronJob", "/Resources/CareValidatingAdmissionPolicy")), path
            assert "sparenodes" in path
    return found


def date(text: str) -> datetime:
    return datetime.fromisoformat(text)


def parts(template: dict[str, Any], reservation: str) -> dict[str, str]:
    """Logical ids of the launch template and the node group of a block, by type."""
    return {
        resource["Type"]: name
        for name, resource in template["Resources"].items()
        if reservation.replace("-", "") in name
    }


def of_block(after: dict[str, Any], pool_name: str, reservation: str) -> set[str]:
    """Paths of all that a pool's template has for one block."""
    (output,) = [name for name in after["Outputs"] if reservation.replace("-", "") in name]
    return {
        *(f"/Resources/{name}" for name in parts(after, reservation).values()),
        f"/Outputs/{output}",
        f"/Metadata/ultrafleet:{pool_name}-{reservation}",
    }


LATER = {
    "capacity_reservation_id": "cr-0bbbbbbbbbbbbbbb2",
    "availability_zone": "us-east-1-dfw-2a",
    "start": date("2027-01-26T11:30:00+00:00"),
    "end": date("2027-02-02T11:30:00+00:00"),
}
EARLIER = {
    **LATER,
    "capacity_reservation_id": "cr-0bbbbbbbbbbbbbbb0",
    "start": date("2026-11-01T11:30:00+00:00"),
    "end": date("2026-11-08T11:30:00+00:00"),
}


@pytest.mark.parametrize(("block", "index"), [(LATER, 1), (EARLIER, 0)], ids=["appended", "in front"])
def test_a_block_more_is_a_node_group_more_and_changes_no_other(
    synth: Callable[..., Templates], block: dict[str, Any], index: int
) -> None:
    before = synth()
    after = synth(lambda content: pool(content, "rack-b")["blocks"].insert(index, block))
    found = of_block(after["training-pool-rack-b"], "rack-b", block["capacity_reservation_id"])
    assert len(found) == 4
    assert besides(changes(before, after), "operate") == {"training-pool-rack-b": found}


def test_a_block_that_ended_and_is_removed_is_a_node_group_less(synth: Callable[..., Templates]) -> None:
    before = synth()
    after = synth(lambda content: pool(content, "rack-a")["blocks"].pop(0))
    assert besides(changes(before, after), "operate") == {
        "training-pool-rack-a": of_block(before["training-pool-rack-a"], "rack-a", "cr-0aaaaaaaaaaaaaaa1")
    }


def test_an_overlapping_block_is_room_for_two_ultraservers_in_the_queue(synth: Callable[..., Templates]) -> None:
    overlapping = {**LATER, "start": date("2027-01-20T11:30:00+00:00")}
    before = synth()
    after = synth(lambda content: pool(content, "rack-b")["blocks"].append(overlapping))
    assert set(besides(changes(before, after), "queue", "operate")) == {"training-pool-rack-b"}


def test_an_extension_changes_nothing_but_the_alarms_on_its_dates(synth: Callable[..., Templates]) -> None:
    def edit(content: dict[str, Any]) -> None:
        pool(content, "rack-b")["blocks"][-1]["end"] = date("2027-02-09T11:30:00+00:00")

    found = changes(synth(), synth(edit))
    alarms = found.pop("training-operate")
    assert {path.partition("rackbcr0bbbbbbbbbbbbbbb1")[0] for path in alarms} == {
        "/Resources/AlarmsNotEmpty",
        "/Resources/AlarmsBelowSize",
        "/Resources/AlarmsNoSuccessor",
    }
    assert {path.rpartition("/Properties/")[2] for path in alarms} == {"Metrics", "AlarmDescription"}
    assert found == {"training-pool-rack-b": {"/Metadata/ultrafleet:rack-b-cr-0bbbbbbbbbbbbbbb1/blocks"}}


def test_an_existing_node_group_leaves_metadata_alone(synth: Callable[..., Templates]) -> None:
    """For a block that is run by a node group of its own nothing is made; the other blocks are as they were."""
    before = synth()
    after = synth(lambda content: pool(content, "rack-a")["blocks"][0].update(existing_node_group="rack-a"))
    gone = of_block(before["training-pool-rack-a"], "rack-a", "cr-0aaaaaaaaaaaaaaa1")
    assert changes(before, after) == {"training-pool-rack-a": {*gone, "/Metadata/ultrafleet:rack-a"}}


def test_a_pool_of_existing_node_groups_alone_still_has_a_stack(synth: Callable[..., Templates]) -> None:
    """CloudFormation takes no template without resources, and the CDK CLI deletes the stack of an empty one."""
    after = synth(lambda content: pool(content, "rack-b")["blocks"][0].update(existing_node_group="rack-b"))
    template = after["training-pool-rack-b"]
    assert [*template["Resources"].values()] == [{"Type": "AWS::CloudFormation::WaitConditionHandle"}]
    assert list(template["Metadata"]) == ["ultrafleet:rack-b"]


def test_a_label_changes_the_labels_of_the_node_groups_alone(synth: Callable[..., Templates]) -> None:
    before = synth()
    groups = logical_ids(before["training-pool-rack-a"], "AWS::EKS::Nodegroup")
    after = synth(lambda content: pool(content, "rack-a").update(node={"labels": {"team": "post-training"}}))
    assert changes(before, after) == {
        "training-pool-rack-a": {f"/Resources/{group}/Properties/Labels/team" for group in groups}
    }


def test_an_instance_tag_changes_tags_and_the_unpinned_templates(synth: Callable[..., Templates]) -> None:
    before = synth()
    template = before["training-pool-rack-a"]
    after = synth(lambda content: pool(content, "rack-a").update(node={"tags": {"team": "post-training"}}))
    assert changes(before, after) == {
        "training-pool-rack-a": {
            *(f"/Resources/{name}/Properties/Tags/team" for name in logical_ids(template, "AWS::EKS::Nodegroup")),
            *(
                f"/Resources/{name}/Properties/LaunchTemplateData/TagSpecifications"
                for name in logical_ids(template, "AWS::EC2::LaunchTemplate")
            ),
        }
    }


def test_a_pool_added_changes_no_other_stack(synth: Callable[..., Templates]) -> None:
    def edit(content: dict[str, Any]) -> None:
        added = deepcopy(pool(content, "rack-b"))
        added["name"] = "rack-aa"
        added["blocks"][0]["capacity_reservation_id"] = "cr-0ddddddddddddddd1"
        content["pools"].insert(0, added)

    assert besides(changes(synth(), synth(edit)), "queue", "operate", "care") == {"training-pool-rack-aa": {""}}


def test_a_pool_removed_changes_no_other_stack(synth: Callable[..., Templates]) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["pools"].remove(pool(content, "rack-a"))
        content["teams"][0]["guaranteed_nodes"] = {"u-p6e-gb200x72": 16}  # of two racks, 32 can't be any more

    after = synth(edit)
    assert besides(changes(synth(), after), "queue", "operate", "care") == {"training-pool-rack-a": {""}}


def test_a_pool_renamed_is_one_gone_and_one_new(synth: Callable[..., Templates]) -> None:
    after = synth(lambda content: pool(content, "rack-a").update(name="rack-z"))
    found = besides(changes(synth(), after), "operate", "care")
    assert found == {"training-pool-rack-a": {""}, "training-pool-rack-z": {""}}


def test_a_changed_vpc_stack_changes_no_other_stack(synth: Callable[..., Templates]) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["network"]["flow_logs"] = False
        content["network"]["subnets"].append(
            {"name": "later", "kind": "accelerator", "availability_zone": "us-east-1-dfw-2a", "cidr": "10.64.96.0/20"}
        )

    assert set(changes(synth(), synth(edit))) == {"training-network"}


def test_a_library_upgrade_that_changes_user_data_makes_a_version_that_no_node_runs(
    synth: Callable[..., Templates], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = synth()
    monkeypatch.setattr(user_data, "_BOUNDARY", "NEWER")
    found = changes(before, synth())
    pools = {stack for stack in before if "-pool-" in stack}
    assert set(found) == pools
    for stack in pools:
        assert found[stack] == {
            f"/Resources/{launch_template}/Properties/LaunchTemplateData/UserData/Fn::Base64/Fn::Join"
            for launch_template in logical_ids(before[stack], "AWS::EC2::LaunchTemplate")
        }


def test_a_launch_template_version_changes_the_block_s_alone(synth: Callable[..., Templates]) -> None:
    before = synth()
    group = parts(before["training-pool-rack-a"], "cr-0aaaaaaaaaaaaaaa1")["AWS::EKS::Nodegroup"]
    after = synth(lambda content: pool(content, "rack-a")["blocks"][0].update(launch_template_version=2))
    found = changes(before, after)["training-pool-rack-a"]
    version = f"/Resources/{group}/Properties/LaunchTemplate/Version"
    assert {path for path in found if path.startswith("/Resources/")} == {version}


def test_hold_changes_a_tag_of_each_node_group_and_alarms_alone(synth: Callable[..., Templates]) -> None:
    before = synth()
    groups = logical_ids(before["training-pool-rack-a"], "AWS::EKS::Nodegroup")
    after = synth(lambda content: pool(content, "rack-a").update(hold=True))
    assert besides(changes(before, after), "operate") == {
        "training-pool-rack-a": {f"/Resources/{group}/Properties/Tags/ultrafleet:schedule" for group in groups}
    }


def test_the_order_of_the_file_does_not_matter(synth: Callable[..., Templates]) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["pools"].reverse()
        content["network"]["subnets"].reverse()

    found = changes(synth(), synth(edit))
    # Lists of subnets follow the file; EKS reads them as sets.
    assert [path for paths in found.values() for path in paths if "Subnet" not in path.rsplit("/", 1)[1]] == []


@pytest.mark.parametrize("name", ["dev", "training", "inference"])
def test_every_import_has_its_export_and_nothing_is_weak(synth: Callable[..., Templates], name: str) -> None:
    templates = synth(name=name)
    text = json.dumps(templates)
    assert "Fn::GetStackOutput" not in text
    exported = {
        output["Export"]["Name"]
        for template in templates.values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    imported = set(_imports(templates))
    assert imported
    assert imported <= exported


def _imports(value: object) -> list[str]:
    if isinstance(value, dict):
        if "Fn::ImportValue" in value:
            return [value["Fn::ImportValue"]]
        return [found for item in value.values() for found in _imports(item)]
    if isinstance(value, list):
        return [found for item in value for found in _imports(item)]
    return []
