"""Chunks a second that the parts of a gateway forward, as measured, from `data/gateway_throughput.json`."""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.catalog.fact_file import Facts
from ultrafleet.catalog.source import Fact

_FACTS: Final = Facts("gateway_throughput")


def facts() -> Iterator[tuple[str, Fact[Any]]]:
    """Every figure by its id."""
    return _FACTS.items()


CHUNKS_A_CORE: Final = _FACTS.integer("gateway/envoy/chunks-a-core")
"""Chunks of streams that Envoy forwards a second and core."""
TRANSLATED_CHUNKS: Final = _FACTS.integer("gateway/litellm/chunks-a-process")
"""Chunks of streams from Bedrock that LiteLLM translates a second and process."""
