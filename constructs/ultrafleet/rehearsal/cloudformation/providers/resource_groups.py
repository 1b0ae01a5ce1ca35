"""Resource groups of capacity reservations."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    only_changed,
    provides,
    tags_of,
    update_tags,
)
from ultrafleet.rehearsal.simulated_account import Refusal


@provides
class ResourceGroupProvider(Provider):
    """Resource group of capacity reservations that a launch template can target."""

    type = "AWS::ResourceGroups::Group"
    known = frozenset({"Configuration", "Description", "Name", "Resources", "Tags"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        created = call(
            "resource-groups",
            "create_group",
            Name=properties["Name"],
            Description=properties.get("Description"),
            Configuration=properties.get("Configuration"),
            Tags={tag["Key"]: tag["Value"] for tag in tags_of(properties)} or None,
        )["Group"]
        group = PhysicalResource(physical_id=created["Name"], attributes={"Arn": created["GroupArn"]})
        try:
            self._set_members(call, group, [], properties.get("Resources", []))
        except Refusal:
            self.delete(call, group, properties)
            raise
        return group

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        group: Mapping[str, Any] = call("resource-groups", "get_group", Group=resource.physical_id)["Group"]
        members = call("resource-groups", "list_group_resources", Group=resource.physical_id)["Resources"]
        return {**group, "Resources": [member["Identifier"]["ResourceArn"] for member in members]}

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        changed = only_changed(old, new, "Configuration", "Description", "Resources", "Tags")
        if "Description" in changed:
            call("resource-groups", "update_group", Group=resource.physical_id, Description=new.get("Description", ""))
        if "Configuration" in changed:
            configuration = new["Configuration"]
            call("resource-groups", "put_group_configuration", Group=resource.physical_id, Configuration=configuration)
        if "Resources" in changed:
            self._set_members(call, resource, old.get("Resources", []), new.get("Resources", []))
        arn = resource.attributes["Arn"]
        update_tags(
            old,
            new,
            put=lambda tags: call("resource-groups", "tag", Arn=arn, Tags=tags),
            drop=lambda keys: call("resource-groups", "untag", Arn=arn, Keys=keys),
        )

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        call("resource-groups", "delete_group", Group=resource.physical_id)

    @staticmethod
    def _set_members(call: Calls, resource: PhysicalResource, old: list[str], new: list[str]) -> None:
        gone, added = [arn for arn in old if arn not in new], [arn for arn in new if arn not in old]
        if added:
            answer = call("resource-groups", "group_resources", Group=resource.physical_id, ResourceArns=added)
            for failed in answer.get("Failed", []):
                raise Refusal(failed["ErrorCode"], failed["ErrorMessage"])
        if gone:
            call("resource-groups", "ungroup_resources", Group=resource.physical_id, ResourceArns=gone)
