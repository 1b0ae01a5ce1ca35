"""Rules of encryption at rest."""

from collections.abc import Iterator, Mapping
from typing import Any

from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.templates.launch import is_true, launches
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown, text_of


def _volumes(template: Template) -> Iterator[Problem]:
    mapped = [(launch.resource.logical_id, launch.items("BlockDeviceMappings")) for launch in launches(template)]
    mapped += [
        (resource.logical_id, resource.items("BlockDeviceMappings"))
        for resource in template.of_type("AWS::EC2::Instance", "AWS::AutoScaling::LaunchConfiguration")
    ]
    for logical_id, mappings in mapped:
        for mapping in mappings:
            volume = mapping.get("Ebs") if isinstance(mapping, Mapping) else mapping
            if isinstance(volume, Mapping):
                yield from _of(logical_id, volume, f"volume {text_of(mapping.get('DeviceName')) or ''}".strip())
            elif isinstance(volume, Unknown):
                yield cannot_tell(logical_id, "whether its volumes are encrypted", volume.reason)
    for resource in template.of_type("AWS::EC2::Volume"):
        yield from _of(resource.logical_id, resource.properties, "it")
    for resource in template.of_type("AWS::EFS::FileSystem"):
        stated = resource.get("Encrypted")
        if isinstance(stated, Unknown):
            yield cannot_tell(resource.logical_id, "Encrypted", stated.reason)
        elif not is_true(stated):
            yield Problem(resource.logical_id, "Encrypted is not true, expected true: set it, on a new file system")


def _of(logical_id: str, volume: Mapping[str, Any], name: str) -> Iterator[Problem]:
    stated = volume.get("Encrypted")
    if isinstance(stated, Unknown):
        yield cannot_tell(logical_id, "Encrypted", stated.reason)
    elif stated is None and volume.get("SnapshotId") is not None:
        yield cannot_tell(logical_id, f"whether {name} is encrypted", "its snapshot decides it")
    elif not is_true(stated):
        yield Problem(
            logical_id,
            f"{name} has Encrypted {'not stated' if stated is None else 'false'}, expected true: set it, "
            "encryption by default is a setting of the account that no template shows",
        )


RULES = (
    PolicyRule(
        id="volume-encryption",
        number=37,
        severity=Severity.ERROR,
        protects_from="data that is readable from a copied volume or snapshot",
        source=Source("EC2 user guide, EBS encryption: off unless stated, or the account's default"),
        remedy="Encrypted: true",
        check=_volumes,
    ),
)
