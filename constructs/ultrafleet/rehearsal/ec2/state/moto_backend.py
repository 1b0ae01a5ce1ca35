"""moto's EC2 backend, and the tags and timestamps that operations give it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.ec2.models import ec2_backends

from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


def backend(account_id: str, region: str) -> Any:
    """Moto's EC2 backend of an account and region."""
    return ec2_backends[account_id][region]


def tags_of(account_id: str, region: str, resource_id: str) -> list[dict[str, str]]:
    """Tags of a resource as the API lists them, from moto's own store: CreateTags reaches them too."""
    found = backend(account_id, region).tags.get(resource_id, {})
    return [{"Key": key, "Value": value} for key, value in found.items()]


def put_tags(account_id: str, region: str, resource_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a resource."""
    if tags:
        backend(account_id, region).create_tags([resource_id], dict(tags))


def specified_tags(params: Mapping[str, Any], resource_type: str) -> dict[str, str]:
    """Tags that a call's TagSpecifications (or a template's) give to a type of resource."""
    return {
        tag["Key"]: tag.get("Value", "")
        for entry in params.get("TagSpecifications") or params.get("TagSpecification") or []
        if entry.get("ResourceType") == resource_type
        for tag in entry.get("Tags", [])
    }


def moment(value: Any) -> datetime | None:
    """Timestamp of a call, in UTC."""
    if value in (None, ""):
        return None
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo is not None else found.replace(tzinfo=SIMULATED_ACCOUNT.now.tzinfo)
