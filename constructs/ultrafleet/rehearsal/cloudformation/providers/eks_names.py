"""Spelling of EKS's properties: CloudFormation's keys and the API's, and tags as maps."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import Properties, tags_of, update_tags


def camel(value: Any, *, keep: frozenset[str] = frozenset()) -> Any:
    """CloudFormation's keys as EKS's API spells them; maps under the keys in `keep` are the user's own."""
    return _spelled(value, str.lower, keep)


def pascal(value: Any, *, keep: frozenset[str] = frozenset()) -> Any:
    """EKS's keys as CloudFormation spells them; maps under the keys in `keep` are the user's own."""
    return _spelled(value, str.upper, keep)


def _spelled(value: Any, first: Any, keep: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            first(key[0]) + key[1:]: inner if key in keep else _spelled(inner, first, keep)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_spelled(item, first, keep) for item in value]
    return value


def tag_map(properties: Properties) -> dict[str, str] | None:
    """Tags of a resource as EKS takes them; None where there are none."""
    return {tag["Key"]: tag["Value"] for tag in tags_of(properties)} or None


def set_tags(call: Calls, arn: str, old: Properties, new: Properties) -> None:
    """Bring the tags of an EKS resource from old to new."""
    update_tags(
        old,
        new,
        put=lambda tags: call("eks", "tag_resource", resourceArn=arn, tags=tags),
        drop=lambda keys: call("eks", "untag_resource", resourceArn=arn, tagKeys=keys),
    )
