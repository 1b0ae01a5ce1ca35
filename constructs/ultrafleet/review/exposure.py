"""What a change opens, or no longer protects: endpoints, encryption, public access, protection from deletion."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.review import iam
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Key
from ultrafleet.review.hazard import Hazard, Level
from ultrafleet.templates.intrinsics import Unknown
from ultrafleet.templates.launch import is_true
from ultrafleet.templates.template import Resource

_KEPT: Final = ("Retain", "RetainExceptOnCreate", "Snapshot")
_CLUSTER: Final = "AWS::EKS::Cluster"
_EVERYWHERE: Final = "0.0.0.0/0"
_NAMES: Final = ("DeviceName", "Key", "Name", "Id")


@dataclass(frozen=True)
class _Guard:
    """A kind of hazard, with what the guarding property's loss is called."""

    kind: str
    told: str


_ENCRYPTION: Final = _Guard("encryption-dropped", "encryption is dropped")
_OWN_KEY: Final = _Guard("encryption-dropped", "the key of its own is dropped, at most AWS's encrypts it")
_DELETION: Final = _Guard("deletion-protection-off", "deletion protection is off")
_PUBLIC: Final = _Guard("made-public", "it is public")
_MAY_BE_PUBLIC: Final = _Guard("made-public", "nothing keeps it from being made public")

_TRUE_PROTECTS: Final = {
    "AtRestEncryptionEnabled": _ENCRYPTION,
    "BlockPublicAcls": _MAY_BE_PUBLIC,
    "BlockPublicPolicy": _MAY_BE_PUBLIC,
    "DeletionProtection": _DELETION,
    "DeletionProtectionEnabled": _DELETION,
    "DisableApiTermination": _DELETION,
    "EndpointPrivateAccess": _Guard("endpoint-opened", "nodes and people no longer reach the Kubernetes API privately"),
    "EnableKeyRotation": _Guard("encryption-dropped", "the key is no longer rotated"),
    "Encrypted": _ENCRYPTION,
    "IgnorePublicAcls": _MAY_BE_PUBLIC,
    "RestrictPublicBuckets": _MAY_BE_PUBLIC,
    "SSEEnabled": _ENCRYPTION,
    "SqsManagedSseEnabled": _ENCRYPTION,
    "StorageEncrypted": _ENCRYPTION,
    "TransitEncryptionEnabled": _ENCRYPTION,
    "deletion_protection.enabled": _DELETION,
}
"""Properties that protect while they are true."""
_PRESENCE_PROTECTS: Final = {
    "BucketEncryption": _ENCRYPTION,
    "EncryptionConfig": _ENCRYPTION,
    "EncryptionConfiguration": _ENCRYPTION,
    "KmsKeyArn": _OWN_KEY,
    "KmsKeyId": _OWN_KEY,
    "KmsMasterKeyId": _OWN_KEY,
    "PermissionsBoundary": _Guard("iam-widened", "the permissions boundary is gone"),
    "PublicAccessBlockConfiguration": _MAY_BE_PUBLIC,
}
"""Properties that protect while they are there."""
_TRUE_OPENS: Final = {
    "AssociatePublicIpAddress": _Guard("made-public", "instances get public addresses"),
    "EndpointPublicAccess": _Guard("endpoint-opened", "the Kubernetes API is reachable from the internet"),
    "MapPublicIpOnLaunch": _Guard("made-public", "what starts in the subnet gets a public address"),
    "PubliclyAccessible": _PUBLIC,
}
_VALUE_PROTECTS: Final = {
    ("HttpTokens", "required"): _Guard("imds-v1", "IMDSv1 is accepted: any request from a pod gets the node's rights"),
    ("AuthType", "AWS_IAM"): _PUBLIC,
}
_VALUE_OPENS: Final = {("Scheme", "internet-facing"): _Guard("endpoint-opened", "the load balancer faces the internet")}


_ALONE: Final = ("MetadataOptions",)
"""Parts whose loss is the loss of what protects in them."""


def exposure_hazards(compared: Comparison) -> Iterator[Hazard]:
    """What is opened, resource by resource."""
    for key, before, after in compared.resources():
        if before.raw != after.raw or before.properties != after.properties:
            yield from _policies(key, before, after)
            yield from _properties(key, before, after)
            if before.type == after.type == _CLUSTER:
                yield from _cluster(key, before, after)


def _properties(key: Key, before: Resource, after: Resource) -> Iterator[Hazard]:
    was, now = dict(_leaves(_defaults(before))), dict(_leaves(_defaults(after)))
    for path in dict.fromkeys((*was, *now)):
        old, new = was.get(path), now.get(path)
        lost = _lost(path, old, new) if _parent_stays(path, now) else None
        guard = _opened(path, old, new) or lost
        if guard is not None:
            told = f"{guard.told} ({'/'.join(path)}: {_shown(old)} → {_shown(new)})"
            yield _hazard(guard, key, after, told)


def _policies(key: Key, before: Resource, after: Resource) -> Iterator[Hazard]:
    for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
        was, now = before.raw.get(attribute), after.raw.get(attribute)
        if was in _KEPT and now not in _KEPT:
            told = f"{attribute} {was} → {now or 'none'}: what CloudFormation kept, it now deletes"
            yield _hazard(_DELETION, key, after, f"{_DELETION.told} ({told})")


def _cluster(key: Key, before: Resource, after: Resource) -> Iterator[Hazard]:
    """Networks that reach a public endpoint; none stated is all."""
    if not all(is_true(_defaults(side)["ResourcesVpcConfig"].get("EndpointPublicAccess")) for side in (before, after)):
        return  # opening it at all is reported as that
    networks = [
        {iam.text(item) for item in side.items("ResourcesVpcConfig", "PublicAccessCidrs")} or {_EVERYWHERE}
        for side in (before, after)
    ]
    added = sorted(networks[1] - networks[0])
    if added and _EVERYWHERE not in networks[0]:
        guard = _Guard("endpoint-opened", "")
        yield _hazard(guard, key, after, f"the Kubernetes API is reachable from more networks: {', '.join(added)}")


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
    """Whether what holds a property is still there, or held nothing but what protects."""
    return len(path) == 1 or path[:-1] in now or (path[-2] in _ALONE and path[:-2] in now)


def _lost(path: _Path, before: Any, after: Any) -> _Guard | None:  # noqa: ANN401 - JSON
    name = path[-1]
    if isinstance(after, Unknown):
        return None
    if name in _TRUE_PROTECTS and is_true(before) and not is_true(after):
        return _TRUE_PROTECTS[name]
    if name in _PRESENCE_PROTECTS and before and not after:
        return _PRESENCE_PROTECTS[name]
    return _VALUE_PROTECTS.get((name, before)) if isinstance(before, str) and before != after else None


def _opened(path: _Path, before: Any, after: Any) -> _Guard | None:  # noqa: ANN401 - JSON
    name = path[-1]
    if name in _TRUE_OPENS and is_true(after) and not is_true(before):
        return _TRUE_OPENS[name]
    return _VALUE_OPENS.get((name, after)) if isinstance(after, str) and before != after else None


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "none"
    return iam.text(value) if not isinstance(value, Mapping | list) else "stated"


def _hazard(guard: _Guard, key: Key, resource: Resource, message: str) -> Hazard:
    subject = f"{key[0]}/{key[1]} ({resource.type})"
    return Hazard(level=Level.OPENS, kind=guard.kind, subject=subject, message=message, keys=(key,))
