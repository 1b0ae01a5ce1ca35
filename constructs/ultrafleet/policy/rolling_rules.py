"""Rules of what replaces instances: the version of a launch template that is used, and rolling updates."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.rules.schedule_tags import RESERVATION_TAG, SCHEDULE_TAG
from ultrafleet.templates.launch import LAUNCH_TEMPLATE, as_int, as_list, is_true
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NodeGroup, groups
from ultrafleet.templates.references import references
from ultrafleet.templates.reservations import reserved_instances
from ultrafleet.templates.template import Resource, Template, mapping
from ultrafleet.templates.unknown import Unknown

_ROLLING, _REPLACING = "AutoScalingRollingUpdate", "AutoScalingReplacingUpdate"
_WHOLE: Final = 100
_ID_KEYS: Final = ("Id", "LaunchTemplateId", "TemplateId")
_NAME_KEYS: Final = ("Name", "LaunchTemplateName")


def _pinned(template: Template) -> Iterator[Problem]:
    names = {
        name: resource.logical_id
        for resource in template.of_type(LAUNCH_TEMPLATE)
        if isinstance(name := resource.get("LaunchTemplateName"), str)
    }
    for resource in template.resources.values():
        for specification in _specifications(resource):
            version = specification.get("Version")
            made = _made_here(template, specification, names) if as_int(version) is not None else None
            if made is not None and not _is_on_purpose(template, resource, made):
                yield Problem(
                    resource.logical_id,
                    f"Version is {version} of {made}, which this template makes, expected its LatestVersionNumber: a "
                    f"change of {made} is a new version, which nothing would launch from, write "
                    f"!GetAtt {made}.LatestVersionNumber",
                )


def _is_on_purpose(template: Template, resource: Resource, made: str) -> bool:
    """True if the newest version is watched: the template gives it out, or a block schedule does."""
    given_out = references(template.content.get("Outputs"))
    if any((item.name, item.attribute) == (made, "LatestVersionNumber") for item in given_out):
        return True
    return any(
        isinstance(resource.get("Tags"), Mapping) and resource.get("Tags", tag)
        for tag in (SCHEDULE_TAG, RESERVATION_TAG)
    )


def _specifications(resource: Resource) -> Iterator[Mapping[str, Any]]:
    """Places in which resources name a launch template."""
    for key in ("LaunchTemplate", "CustomLaunchTemplate", "LaunchTemplateSpecification"):
        yield mapping(resource.get(key))
    policy = mapping(mapping(resource.get("MixedInstancesPolicy")).get("LaunchTemplate"))
    yield mapping(policy.get("LaunchTemplateSpecification"))
    for override in as_list(policy.get("Overrides")):
        yield mapping(mapping(override).get("LaunchTemplateSpecification"))
    yield mapping(mapping(resource.get("ComputeResources")).get("LaunchTemplate"))
    fleet = mapping(resource.get("SpotFleetRequestConfigData")) or resource.properties
    for config in as_list(fleet.get("LaunchTemplateConfigs")):
        yield mapping(mapping(config).get("LaunchTemplateSpecification"))


def _made_here(template: Template, specification: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    for key in _ID_KEYS:
        made = template.referred(specification.get(key))
        if made is not None and made.type == LAUNCH_TEMPLATE and made.template is template:
            return made.logical_id
    return next(
        (names[name] for key in _NAME_KEYS if isinstance(name := specification.get(key), str) and name in names), None
    )


def _rolling(template: Template) -> Iterator[Problem]:
    for group in groups(template, AUTO_SCALING_GROUP):
        policy = mapping(template.resolve(group.resource.raw.get("UpdatePolicy")))
        rolling, most = policy.get(_ROLLING), as_int(group.max_size)
        kept = rolling.get("MinInstancesInService") if isinstance(rolling, Mapping) else None
        reserved = reserved_instances(template, [group])
        full = _on_reservation(group)
        if isinstance(kept, Unknown) and full:
            yield cannot_tell(group.logical_id, "MinInstancesInService", kept.reason)
        elif (keeps := as_int(kept)) is not None and keeps and most is not None and keeps >= most:
            yield Problem(
                group.logical_id,
                f"MinInstancesInService is {keeps} and MaxSize {most}, expected less than MaxSize: there is no "
                "instance that an update may take out, and CloudFormation refuses it, lower it",
            )
        elif keeps and full and reserved is not None and keeps >= reserved:
            yield Problem(
                group.logical_id,
                f"MinInstancesInService is {keeps} on a reservation of {reserved}, expected less: the update launches "
                "before it terminates, and the reservation has no room, lower it",
            )
        if full:
            yield from _launches_first(group, policy)


def _launches_first(group: NodeGroup, policy: Mapping[str, Any]) -> Iterator[Problem]:
    """Ways to replace the instances of a full reservation that launch new ones first."""
    replacing = policy.get(_REPLACING)
    if isinstance(replacing, Mapping) and is_true(replacing.get("WillReplace")):
        yield Problem(
            group.logical_id,
            f"{_REPLACING} makes a second group before it deletes this one, expected {_ROLLING}: a full reservation "
            "has no instances for both",
        )
    healthy = as_int(group.resource.get("InstanceMaintenancePolicy", "MinHealthyPercentage"))
    if healthy is not None and healthy >= _WHOLE:
        yield Problem(
            group.logical_id,
            f"InstanceMaintenancePolicy keeps {healthy} % healthy, expected less: every replacement is launched before "
            "an instance is terminated, and a full reservation has no room, lower MinHealthyPercentage",
        )


def _on_reservation(group: NodeGroup) -> bool:
    return group.is_for_block or (group.launch is not None and group.launch.reservation is not None)


RULES: Final = (
    PolicyRule(
        id="launch-template-version",
        number=61,
        severity=Severity.WARNING,
        protects_from="changes of a launch template that no instance ever gets",
        source=Source(
            "CloudFormation user guide, AWS::EC2::LaunchTemplate: an update makes a new version",
            address="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-launchtemplate.html",
            also=(Source("awsome-distributed-ai 9eaaae3a: so repaired there", Confidence.MEDIUM),),
        ),
        remedy="Version: !GetAtt NAME.LatestVersionNumber",
        check=_pinned,
    ),
    PolicyRule(
        id="rolling-update",
        number=62,
        severity=Severity.ERROR,
        protects_from="updates that CloudFormation refuses, or that wait for instances without a reservation",
        source=Source(
            "CloudFormation user guide, UpdatePolicy: MinInstancesInService is less than MaxSize; a replacing update "
            "makes the new group first",
            address="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html",
            also=(
                Source(
                    "Auto Scaling user guide, instance maintenance policy: at 100 % it launches before it terminates",
                    address="https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-instance-maintenance-policy.html",
                ),
            ),
        ),
        remedy="MinInstancesInService below the size, no replacing update and less than 100 % healthy on a reservation",
        check=_rolling,
    ),
)
