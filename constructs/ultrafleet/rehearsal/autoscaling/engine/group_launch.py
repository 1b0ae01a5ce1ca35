"""Launch of an instance of an Auto Scaling group."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, cast

from ultrafleet.rehearsal.autoscaling.engine.joining import never_joins
from ultrafleet.rehearsal.autoscaling.state import AutoScaling, AutoScalingGroup
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.engine.launch import launch
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchRequest
from ultrafleet.rehearsal.ec2.state.images import image_architecture
from ultrafleet.rehearsal.ec2.state.instance_types import architectures
from ultrafleet.rehearsal.ec2.state.instances import Instance
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


class GroupLaunches:
    """Launches of the groups of an account and a region."""

    def __init__(self, auto_scaling: AutoScaling) -> None:
        self._account_id, self._region = auto_scaling.account_id, auto_scaling.region
        self._call = Calls(account_id=auto_scaling.account_id, region=auto_scaling.region)
        self._templates: dict[str, dict[str, Any]] = {}
        self._templates_read_at = -1

    def launch(self, group: AutoScalingGroup, beside: Iterable[Instance]) -> str:
        """Launch an instance.

        Args:
            group: the group.
            beside: its instances, among which it is spread over the subnets.

        Returns:
            Its id.

        Raises:
            Refusal: EC2 refuses the launch, or the template is gone.
        """
        template = self._template(group.described["LaunchTemplate"])
        instance_type = template["InstanceType"]
        architecture = image_architecture(template.get("ImageId")) or min(architectures(instance_type))
        used = Counter(instance.subnet_id for instance in beside)
        request = LaunchRequest(
            account_id=self._account_id,
            region=self._region,
            template=template,
            instance_type=instance_type,
            subnet_id=min(group.subnets, key=lambda subnet: used[subnet]),
            ami_architecture=cast("Literal['arm64', 'x86_64']", architecture),
            tags=group.propagated_tags,
        )
        instance_id = str(launch(request))
        reason = never_joins(self._call, template)
        if reason is not None:
            group.not_joined[instance_id] = reason
        return instance_id

    def _template(self, named: dict[str, Any]) -> dict[str, Any]:
        """Data of a launch template version, read again after a call that may have changed it."""
        if self._templates_read_at != SIMULATED_ACCOUNT.changes or SIMULATED_ACCOUNT.checks:
            self._templates.clear()
            self._templates_read_at = SIMULATED_ACCOUNT.changes
        key = repr(named)
        if key not in self._templates:
            found = self._call(
                "ec2",
                "describe_launch_template_versions",
                LaunchTemplateId=named["LaunchTemplateId"],
                Versions=[str(named.get("Version") or "$Default")],
            )["LaunchTemplateVersions"]
            if not found:
                raise Refusal(
                    "InvalidLaunchTemplateId.VersionNotFound", f"no version {named.get('Version')} of the template"
                )
            self._templates[key] = found[0]["LaunchTemplateData"]
        return self._templates[key]
