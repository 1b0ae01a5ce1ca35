"""Helpers that tests of several packages share."""

from typing import Any

from aws_cdk.assertions import Template

SERVICE_TOKEN = "arn:aws:lambda:us-east-1:111122223333:function:kubectl"  # noqa: S105 - an ARN
"""Function of a kubectl provider that stands elsewhere."""


def resources_of(template: Template, resource_type: str) -> dict[str, Any]:
    """The resources of one type, by logical id."""
    found: dict[str, Any] = template.find_resources(resource_type)
    return found
