"""Hazards of exposure: endpoints, public access, encryption and protection from deletion that a change removes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.review import iam
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Key
from ultrafleet.review.hazard import HazardRule, Level, Occurrence
from ultrafleet.templates.launch import is_true
from ultrafleet.templates.template import Resource
from ultrafleet.templates.unknown import Unknown

_KEPT: Final = ("Retain", "RetainExceptOnCreate", "Snapshot")
_CLUSTER: Final = "AWS::EKS::Cluster"
_EVERYWHERE: Final = "0.0.0.0/0"
_NAMES: Final = ("DeviceName", "Key", "Name", "Id")


_ENCRYPTION: Final = "encryption is turned off"
_OWN_KEY: Final = "the customer managed key is removed, at most an AWS owned key encrypts it"
_DELETION: Final = "deletion protection is turned off"
_PUBLIC: Final = "it becomes public"
_MAY_BE_PUBLIC: Final = "public access is no longer blocked"


@dataclass(frozen=True, kw_only=True)
class _Guards:
    """Properties by which one kind of exposure is seen, each with a message.

    Attributes:
        true_protects: properties that protect while they are true.
        presence_protects: properties that protect while they are stated.
        value_protects: properties that protect while they have a value.
        true_opens: properties that open while they are true.
        value_opens: properties that open while they have a value.
    """

    true_protects: Mapping[str, str] = field(default_factory=dict)
    presence_protects: Mapping[str, str] = field(default_factory=dict)
    value_protects: Mapping[tuple[str, str], str] = field(default_factory=dict)
    true_opens: Mapping[str, str] = field(default_factory=dict)
    value_opens: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def check(self, compared: Comparison) -> Iterator[Occurrence]:
        """Access that a change opens and protection that it removes, resource by resource."""
        named = self._named
        for key, before, after in _changed(compared):
            if named.isdisjoint(before.names) and named.isdisjoint(after.names) and before.type != _CLUSTER:
                continue
            was, now = dict(_leaves(_defaults(before))), dict(_leaves(_defaults(after)))
            for path in dict.fromkeys((*was, *now)):
                old, new = was.get(path), now.get(path)
                lost = self._lost(path[-1], old, new) if _parent_stays(path, now) else None
                message = self._opened(path[-1], old, new) or lost
                if message is not None:
                    values = f"{'/'.join(path)}: {_shown(old)} → {_shown(new)}"
                    yield _occurrence(key, after, f"{message} ({values})")

    @cached_property
    def _named(self) -> frozenset[str]:
        """Properties by their names."""
        by_value = {name for name, _ in (*self.value_protects, *self.value_opens)}
        return frozenset({*self.true_protects, *self.presence_protects, *self.true_opens, *by_value})

    def _lost(self, name: str, before: Any, after: Any) -> str | None:  # noqa: ANN401 - JSON
        if isinstance(after, Unknown):
            return None
        if name in self.true_protects and is_true(before) and not is_true(after):
            return self.true_protects[name]
        if name in self.presence_protects and before and not after:
            return self.presence_protects[name]
        return self.value_protects.get((name, before)) if isinstance(before, str) and before != after else None

    def _opened(self, name: str, before: Any, after: Any) -> str | None:  # noqa: ANN401 - JSON
        if name in self.true_opens and is_true(after) and not is_true(before):
            return self.true_opens[name]
        return self.value_opens.get((name, after)) if isinstance(after, str) and before != after else None


_ENCRYPTION_GUARDS: Final = _Guards(
    true_protects={
        "AtRestEncryptionEnabled": _ENCRYPTION,
        "EnableKeyRotation": "the key is no longer rotated",
        "Encrypted": _ENCRYPTION,
        "SSEEnabled": _ENCRYPTION,
        "SqsManagedSseEnabled": _ENCRYPTION,
        "StorageEncrypted": _ENCRYPTION,
        "TransitEncryptionEnabled": _ENCRYPTION,
    },
    presence_protects={
        "BucketEncryption": _ENCRYPTION,
        "EncryptionConfig": _ENCRYPTION,
        "EncryptionConfiguration": _ENCRYPTION,
        "KmsKeyArn": _OWN_KEY,
        "KmsKeyId": _OWN_KEY,
        "KmsMasterKeyId": _OWN_KEY,
    },
)
_DELETION_GUARDS: Final = _Guards(
    true_protects={
        "DeletionProtection": _DELETION,
        "DeletionProtectionEnabled": _DELETION,
        "DisableApiTermination": _DELETION,
        "deletion_protection.enabled": _DELETION,
    }
)
_PUBLIC_GUARDS: Final = _Guards(
    true_protects={
        "BlockPublicAcls": _MAY_BE_PUBLIC,
        "BlockPublicPolicy": _MAY_BE_PUBLIC,
        "IgnorePublicAcls": _MAY_BE_PUBLIC,
        "RestrictPublicBuckets": _MAY_BE_PUBLIC,
    },
    presence_protects={"PublicAccessBlockConfiguration": _MAY_BE_PUBLIC},
    value_protects={("AuthType", "AWS_IAM"): _PUBLIC},
    true_opens={
        "AssociatePublicIpAddress": "instances get public IP addresses",
        "MapPublicIpOnLaunch": "instances launched in the subnet get public IP addresses",
        "PubliclyAccessible": _PUBLIC,
    },
)
_ENDPOINT_GUARDS: Final = _Guards(
    true_protects={"EndpointPrivateAccess": "the Kubernetes API is no longer reachable privately from the VPC"},
    true_opens={"EndpointPublicAccess": "the Kubernetes API is reachable from the internet"},
    value_opens={("Scheme", "internet-facing"): "the load balancer is internet-facing"},
)
_IMDS_GUARDS: Final = _Guards(
    value_protects={
        ("HttpTokens", "required"): "IMDSv1 is accepted: a request from any pod gets the node's credentials"
    }
)
_BOUNDARY_GUARDS: Final = _Guards(presence_protects={"PermissionsBoundary": "the permissions boundary is removed"})


_ALONE: Final = ("MetadataOptions",)
"""Objects whose removal is the removal of what protects in them."""


def _changed(compared: Comparison) -> Iterator[tuple[Key, Resource, Resource]]:
    """Resources on both sides that differ."""
    for key, before, after in compared.resources():
        if before.raw != after.raw or before.properties != after.properties:
            yield key, before, after


def _policies(compared: Comparison) -> Iterator[Occurrence]:
    for key, before, after in _changed(compared):
        for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
            was, now = before.raw.get(attribute), after.raw.get(attribute)
            if was in _KEPT and now not in _KEPT:
                change_text = f"{attribute} {was} → {now or 'none'}: CloudFormation deletes what it retained"
                yield _occurrence(key, after, f"{_DELETION} ({change_text})")


def _public_networks(compared: Comparison) -> Iterator[Occurrence]:
    """Networks that newly reach a public endpoint; where none is stated, all do."""
    for key, before, after in _changed(compared):
        if before.type != _CLUSTER or after.type != _CLUSTER:
            continue
        sides = (before, after)
        if not all(is_true(_defaults(side)["ResourcesVpcConfig"].get("EndpointPublicAccess")) for side in sides):
            continue  # that it opens at all is reported as such
        was, now = (
            {iam.text(item) for item in side.items("ResourcesVpcConfig", "PublicAccessCidrs")} or {_EVERYWHERE}
            for side in sides
        )
        if now - was and _EVERYWHERE not in was:
            message = f"the Kubernetes API is reachable from more networks: {', '.join(sorted(now - was))}"
            yield _occurrence(key, after, message)


def permissions_boundaries(compared: Comparison) -> Iterator[Occurrence]:
    """Permissions boundaries that are removed."""
    return _BOUNDARY_GUARDS.check(compared)


def _defaults(resource: Resource) -> Mapping[str, Any]:
    """Properties, with what holds where a cluster states nothing (EKS API reference, VpcConfigRequest, high)."""
    if resource.type != _CLUSTER:
        return resource.properties
    stated = resource.get("ResourcesVpcConfig")
    own = stated if isinstance(stated, Mapping) else {}
    return {**resource.properties, "ResourcesVpcConfig": {"EndpointPublicAccess": True, **own}}


_Path = tuple[str, ...]


def _leaves(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, Any]]:  # noqa: ANN401 - JSON
    """Every value by its path; members of lists by their name where they have one."""
    if path:
        yield path, value
    if isinstance(value, Mapping):
        attribute = value.get("Key")  # attributes of load balancers are pairs
        if isinstance(attribute, str) and "Value" in value:
            yield (*path[:-1], attribute), value["Value"]
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            name = next((str(item[key]) for key in _NAMES if key in item), None) if isinstance(item, Mapping) else None
            yield from _leaves(item, (*path[:-1], f"{path[-1]}[{name or number}]"))


def _parent_stays(path: _Path, now: Mapping[_Path, Any]) -> bool:
    """True if the parent of a property is still there, or held nothing but the protection."""
    return len(path) == 1 or path[:-1] in now or (path[-2] in _ALONE and path[:-2] in now)


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "none"
    return iam.text(value) if not isinstance(value, Mapping | list) else "stated"


def _occurrence(key: Key, resource: Resource, message: str) -> Occurrence:
    return Occurrence(subject=f"{key[0]}/{key[1]} ({resource.type})", message=message, keys=(key,))


RULES: Final = (
    HazardRule(
        id="endpoint-opened",
        level=Level.SECURITY,
        protects_from="a Kubernetes API or load balancer that more networks reach",
        source=Source(
            "EKS user guide, cluster API server endpoint; Elastic Load Balancing user guide, scheme", Confidence.MEDIUM
        ),
        remedy="keep the endpoint private, or state the networks that need it",
        check=lambda compared: chain(_ENDPOINT_GUARDS.check(compared), _public_networks(compared)),
    ),
    HazardRule(
        id="made-public",
        level=Level.SECURITY,
        protects_from="data or instances that are reachable from the internet",
        source=Source(
            "S3 user guide, block public access; VPC user guide, public IPv4 addresses; Lambda, AuthType",
            Confidence.MEDIUM,
        ),
        remedy="keep public access blocked, and instances without public addresses",
        check=_PUBLIC_GUARDS.check,
    ),
    HazardRule(
        id="encryption-dropped",
        level=Level.SECURITY,
        protects_from="data at rest or in transit without encryption, or without its own key",
        source=Source(
            "user guides of the services, encryption at rest; KMS developer guide, key rotation", Confidence.MEDIUM
        ),
        remedy="keep encryption and its key",
        check=_ENCRYPTION_GUARDS.check,
    ),
    HazardRule(
        id="imds-v1",
        level=Level.SECURITY,
        protects_from="pods that get the node's credentials from the instance metadata service",
        source=Source("EC2 user guide, instance metadata options: HttpTokens"),
        remedy="state `HttpTokens: required`",
        check=_IMDS_GUARDS.check,
    ),
    HazardRule(
        id="deletion-protection-off",
        level=Level.SECURITY,
        protects_from="resources that a mistake deletes",
        source=Source("CloudFormation user guide, DeletionPolicy and UpdateReplacePolicy attributes"),
        remedy="keep the protection until the resource is to be deleted",
        check=lambda compared: chain(_DELETION_GUARDS.check(compared), _policies(compared)),
    ),
)
