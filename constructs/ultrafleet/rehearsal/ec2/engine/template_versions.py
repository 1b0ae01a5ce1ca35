"""Launch template versions that inherit from another one, which moto (5.2.5) doesn't have."""

from functools import cache
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response


@cache
def install() -> None:
    """Add it to moto; a second call does nothing."""
    plain = EC2Response.create_launch_template_version

    def create_launch_template_version(self: Any) -> ActionResult:
        source = self._get_param("SourceVersion")
        return _inheriting(self, source) if source else plain(self)

    setattr(EC2Response, "create_launch_template_version", create_launch_template_version)  # noqa: B010 - of another class


def _inheriting(response: Any, source: str) -> ActionResult:
    """CreateLaunchTemplateVersion with a SourceVersion: its data, but for the parameters that the call has."""
    named, store = response._get_param("LaunchTemplateName"), response.ec2_backend
    template = (
        store.get_launch_template_by_name(named)
        if named
        else store.get_launch_template(response._get_param("LaunchTemplateId"))
    )
    data = {**template.get_version(source).data, **response._get_param("LaunchTemplateData", {})}
    response.error_on_dryrun()
    version = template.create_version(data, response._get_param("VersionDescription"))
    return ActionResult(
        {
            "LaunchTemplateVersion": {
                "CreateTime": version.create_time,
                "CreatedBy": f"arn:{response.partition}:iam::{response.current_account}:root",
                "DefaultVersion": template.is_default(version),
                "LaunchTemplateData": version.data,
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "VersionDescription": version.description,
                "VersionNumber": version.number,
            }
        }
    )
