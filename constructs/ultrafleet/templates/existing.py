"""Mark of a template on the existing things that it uses, which are not the stack's to change."""

from collections.abc import Mapping
from typing import Any, Final

EXISTING: Final = "ultrafleet:existing"
"""Key of the template's metadata: id, name or ARN of each existing thing, by its kind."""


def existing_of(template: Mapping[str, Any]) -> dict[str, str]:
    """Existing things that a template says it uses, by kind; none where it says nothing.

    Args:
        template: a CloudFormation template.
    """
    metadata = template.get("Metadata")
    found = metadata.get(EXISTING) if isinstance(metadata, Mapping) else None
    return {str(kind): str(value) for kind, value in found.items()} if isinstance(found, Mapping) else {}
