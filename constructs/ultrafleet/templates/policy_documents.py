"""Policy documents of IAM."""

from collections.abc import Mapping
from typing import Any

Statement = Mapping[str, Any]


def statements(document: Any) -> list[Statement]:  # noqa: ANN401 - JSON
    """Statements of a document, which writes one without a list."""
    found = document.get("Statement") if isinstance(document, Mapping) else None
    return [item for item in (found if isinstance(found, list) else [found]) if isinstance(item, Mapping)]
