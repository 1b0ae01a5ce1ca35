"""Launch templates."""

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
)


@provides
class LaunchTemplate(Provider):
    """Launch template; a change of its data makes a new version and leaves the default one."""

    type = "AWS::EC2::LaunchTemplate"
    known = frozenset({"LaunchTemplateData", "LaunchTemplateName", "TagSpecifications", "VersionDescription"})

    def create(self, call: Calls, place: ResourceContext, properties: Properties) -> PhysicalResource:
        made = call(
            "ec2",
            "create_launch_template",
            LaunchTemplateName=properties.get("LaunchTemplateName", place.name(most=128)),
            LaunchTemplateData=properties["LaunchTemplateData"],
            VersionDescription=properties.get("VersionDescription"),
            TagSpecifications=properties.get("TagSpecifications"),
        )["LaunchTemplate"]
        return PhysicalResource(physical_id=made["LaunchTemplateId"], attributes=_attributes(made))

    def read(self, call: Calls, made: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found = call("ec2", "describe_launch_templates", LaunchTemplateIds=[made.physical_id])["LaunchTemplates"]
        return find(found, "InvalidLaunchTemplateId.NotFound", made.physical_id)

    def update(self, call: Calls, made: PhysicalResource, old: Properties, new: Properties) -> None:
        if only_changed(old, new, "LaunchTemplateData", "VersionDescription", "TagSpecifications") - {
            "TagSpecifications"
        }:
            call(
                "ec2",
                "create_launch_template_version",
                LaunchTemplateId=made.physical_id,
                LaunchTemplateData=new["LaunchTemplateData"],
                VersionDescription=new.get("VersionDescription"),
            )
        made.attributes = _attributes(self.read(call, made, new))

    def delete(self, call: Calls, made: PhysicalResource, properties: Properties) -> None:
        call("ec2", "delete_launch_template", LaunchTemplateId=made.physical_id)


def _attributes(template: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "LaunchTemplateId": template["LaunchTemplateId"],
        "LatestVersionNumber": str(template["LatestVersionNumber"]),
        "DefaultVersionNumber": str(template["DefaultVersionNumber"]),
    }
