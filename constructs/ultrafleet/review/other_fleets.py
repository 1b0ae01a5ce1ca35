"""Fleets that a review doesn't count: what launches accelerators and is no pool of EKS, Auto Scaling or PCS."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.source import Source
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Key
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_change
from ultrafleet.templates.launch import LAUNCH_TEMPLATE
from ultrafleet.templates.node_group import GROUPS, launch_in
from ultrafleet.templates.other_fleets import BATCH, batch_environments
from ultrafleet.templates.revision import Revision
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown

_NO_FLEETS: Final = frozenset({*GROUPS, LAUNCH_TEMPLATE, "AWS::EC2::CapacityReservation", "AWS::SSM::Parameter"})
"""Types that are pools, that pools launch from or into, or that launch nothing."""
_NOT_LAUNCHING: Final = ("AWS::IAM::", "AWS::CloudWatch::", "AWS::Logs::", "AWS::Budgets::", "Custom::AWSCDK-EKS-")
_MACHINE_LEARNING: Final = "ml."
_TYPES: Final = {item.name for item in InstanceType.all() if item.name and item.accelerator_kind is not None}


@dataclass(frozen=True, kw_only=True)
class OtherFleet:
    """Resource that launches accelerators and is no pool.

    Attributes:
        key: its stack and logical id.
        type: its CloudFormation type.
        instance_types: names of accelerated types in it.
    """

    key: Key
    type: str
    instance_types: tuple[str, ...]

    @property
    def title(self) -> str:
        """`stack/Compute (AWS::Batch::ComputeEnvironment, p5.48xlarge)`."""
        return f"{self.key[0]}/{self.key[1]} ({', '.join((self.type, *self.instance_types))})"


def other_fleets(revision: Revision) -> list[OtherFleet]:
    """Fleets of a revision that a review doesn't count, by stack and logical id."""
    found = []
    for stack, template in revision.stacks.items():
        by_batch = {one.logical_id: [str(kind) for kind in one.types] for one in batch_environments(template)}
        for resource in template.resources.values():
            if resource.type in _NO_FLEETS or resource.type.startswith(_NOT_LAUNCHING):
                continue
            named = [
                *by_batch.get(resource.logical_id, ()),
                *_named(resource.properties),
                *_launched(template, resource),
            ]
            accelerated = tuple(dict.fromkeys(name for name in named if name.removeprefix(_MACHINE_LEARNING) in _TYPES))
            if accelerated:
                found.append(
                    OtherFleet(key=(stack, resource.logical_id), type=resource.type, instance_types=accelerated)
                )
    return sorted(found, key=lambda one: one.key)


def _launched(template: Template, resource: Resource) -> Iterator[str]:
    """Type of the launch template that an instance or a fleet names, where it states none itself."""
    if resource.type == BATCH:
        return
    stated = [resource.properties, *resource.items("LaunchTemplateConfigs")]
    for holder in stated:
        launch = launch_in(template, holder) if isinstance(holder, Mapping) else None
        if launch is not None and launch.instance_type is not None:
            yield str(launch.instance_type)


def _named(value: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON
    """Texts in JSON that are stated as a type."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _named(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, key)
    elif "type" in key.lower():
        text = value.text if isinstance(value, Unknown) else value
        if isinstance(text, str):
            yield text.strip()


def _changed(compared: Comparison) -> Iterator[Occurrence]:
    known = {one.key: one for revision in (compared.base, compared.head) for one in other_fleets(revision)}
    for item in compared.changed_resources:
        fleet = known.get(item.change.key)
        if fleet is not None:
            yield of_change(
                item.change,
                f"it launches {', '.join(fleet.instance_types)} and isn't counted as a pool: how many instances it "
                f"has, what they cost and whether they are lost when it is {item.change.of.action}, isn't told here",
            )


RULES: Final = (
    HazardRule(
        id="fleet-not-counted",
        level=Level.NOTICE,
        protects_from="a change of accelerators that a review takes for nothing because they are no pool",
        source=Source("what this review counts: node groups of EKS and of PCS, Auto Scaling groups"),
        remedy="read the service's guide on what the change does to running instances",
        check=_changed,
    ),
)
