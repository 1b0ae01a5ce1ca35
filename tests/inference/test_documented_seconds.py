"""Seconds of replicas that go: guides and reference give those of the manifests."""

from pathlib import Path

import pytest

from ultrafleet.inference import server_manifests

DOCS = Path(__file__).parent.parent.parent / "docs"
MINUTES = {2: "two", 4: "four"}[server_manifests.DRAIN_SECONDS // 60]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("guides/a-block-ends.md", f"finish what they answer within {MINUTES} minutes"),
        ("guides/serve-gpt-oss.md", f"A replica that goes finishes its answers, for up to {MINUTES} minutes"),
        ("constructs/inference.md", f"One that goes has {server_manifests.DRAIN_SECONDS} seconds for its answers"),
    ],
)
def test_documents_give_the_seconds_that_a_replica_has(page: str, words: str) -> None:
    assert words in " ".join((DOCS / page).read_text(encoding="utf-8").split())
