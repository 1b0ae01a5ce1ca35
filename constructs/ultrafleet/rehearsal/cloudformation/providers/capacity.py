"""Capacity reservations, placement groups, groups of reservations."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    only_changed,
    provides,
    tag_specifications,
    tags_of,
    update_tags,
)
from ultrafleet.rehearsal.cloudformation.providers.vpc import Ec2Provider
from ultrafleet.rehearsal.simulated_account import Refusal


@provides
class CapacityReservation(Provider):
    """On-demand capacity reservation. CloudFormation can't buy a capacity block."""

    type = "AWS::EC2::CapacityReservation"
    known = frozenset(
        {
            "AvailabilityZone", "EbsOptimized", "EndDate", "EndDateType", "InstanceCount", "InstanceMatchCriteria",
            "InstancePlatform", "InstanceType", "PlacementGroupArn", "TagSpecifications", "Tenancy",
        }
    )  # fmt: skip

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        made = call("ec2", "create_capacity_reservation", **properties)["CapacityReservation"]
        reservation_id = made["CapacityReservationId"]
        return PhysicalResource(
            physical_id=reservation_id,
            attributes={
                "Id": reservation_id,
                "Arn": made.get("CapacityReservationArn"),
                **{key: properties.get(key) for key in ("AvailabilityZone", "InstanceType", "Tenancy")},
                "TotalInstanceCount": made["TotalInstanceCount"],
                "AvailableInstanceCount": made["AvailableInstanceCount"],
            },
        )

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        answer = call("ec2", "describe_capacity_reservations", CapacityReservationIds=[made.physical_id])
        standing = [r for r in answer["CapacityReservations"] if r["State"] != "cancelled"]
        return find(standing, "InvalidCapacityReservationId.NotFound", made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        changed = only_changed(old, new, "InstanceCount", "EndDate", "EndDateType", "InstanceMatchCriteria")
        call(
            "ec2",
            "modify_capacity_reservation",
            CapacityReservationId=made.physical_id,
            **{key: new[key] for key in changed if key in new},
        )

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "cancel_capacity_reservation", CapacityReservationId=made.physical_id)


@provides
class PlacementGroup(Ec2Provider):
    """Placement group."""

    type = "AWS::EC2::PlacementGroup"
    known = frozenset({"PartitionCount", "SpreadLevel", "Strategy", "Tags"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        name = place.name(most=255)
        call(
            "ec2",
            "create_placement_group",
            GroupName=name,
            TagSpecifications=tag_specifications("placement-group", properties),
            **{key: value for key, value in properties.items() if key != "Tags"},
        )
        return PhysicalResource(physical_id=name, attributes={"GroupName": name})

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_placement_groups", GroupNames=[made.physical_id])["PlacementGroups"]
        return find(found, "InvalidPlacementGroup.Unknown", made.physical_id)

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_placement_group", GroupName=made.physical_id)


@provides
class ResourceGroup(Provider):
    """Group of capacity reservations that a launch template can aim at."""

    type = "AWS::ResourceGroups::Group"
    known = frozenset({"Configuration", "Description", "Name", "Resources", "Tags"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        made = call(
            "resource-groups",
            "create_group",
            Name=properties["Name"],
            Description=properties.get("Description"),
            Configuration=properties.get("Configuration"),
            Tags={tag["Key"]: tag["Value"] for tag in tags_of(properties)} or None,
        )["Group"]
        made_group = PhysicalResource(physical_id=made["Name"], attributes={"Arn": made["GroupArn"]})
        try:
            self._set_members(call, made_group, [], properties.get("Resources", []))
        except Refusal:
            self.delete(call, made_group, properties)
            raise
        return made_group

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        group: Mapping[str, Any] = call("resource-groups", "get_group", Group=made.physical_id)["Group"]
        members = call("resource-groups", "list_group_resources", Group=made.physical_id)["Resources"]
        return {**group, "Resources": [member["Identifier"]["ResourceArn"] for member in members]}

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        changed = only_changed(old, new, "Configuration", "Description", "Resources", "Tags")
        if "Description" in changed:
            call("resource-groups", "update_group", Group=made.physical_id, Description=new.get("Description", ""))
        if "Configuration" in changed:
            configuration = new["Configuration"]
            call("resource-groups", "put_group_configuration", Group=made.physical_id, Configuration=configuration)
        if "Resources" in changed:
            self._set_members(call, made, old.get("Resources", []), new.get("Resources", []))
        arn = made.attributes["Arn"]
        update_tags(
            old,
            new,
            put=lambda tags: call("resource-groups", "tag", Arn=arn, Tags=tags),
            drop=lambda keys: call("resource-groups", "untag", Arn=arn, Keys=keys),
        )

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("resource-groups", "delete_group", Group=made.physical_id)

    @staticmethod
    def _set_members(call: Calls, made: PhysicalResource, old: list[str], new: list[str]) -> None:
        gone, added = [arn for arn in old if arn not in new], [arn for arn in new if arn not in old]
        if added:
            answer = call("resource-groups", "group_resources", Group=made.physical_id, ResourceArns=added)
            for failed in answer.get("Failed", []):
                raise Refusal(failed["ErrorCode"], failed["ErrorMessage"])
        if gone:
            call("resource-groups", "ungroup_resources", Group=made.physical_id, ResourceArns=gone)
