"""Namespaces of controllers that pods of the fleet hear from."""

from typing import Final

KEDA_NAMESPACE: Final = "keda"
"""Namespace of KEDA, which reads how many requests wait at model servers."""
