"""ComputeDomains of jobs that a manager sends: made once for each claim, and for no other Workload."""

from typing import Any

from ultrafleet.in_cluster.worker_domains import CHANNEL_CLAIM, ORIGIN_LABEL, wanted
from ultrafleet.jobs import pod


def workload(name: str = "jobset-run-1", *, origin: str | None = "desk", claim: str = CHANNEL_CLAIM) -> dict[str, Any]:
    claims = [{"name": claim, "resourceClaimTemplateName": "run-1-channel"}]
    network = [{"name": "network", "resourceClaimTemplateName": "efa-4"}]
    return {
        "metadata": {
            "name": name,
            "namespace": "pretraining",
            "uid": "u-1",
            "labels": {} if origin is None else {ORIGIN_LABEL: origin},
        },
        "spec": {"podSets": [{"template": {"spec": {"resourceClaims": claims + network}}}]},
    }


def test_the_claim_and_its_template_are_those_of_jobs() -> None:
    assert pod._CLAIM == CHANNEL_CLAIM


def test_a_domain_is_made_for_the_channel_alone_and_goes_with_the_workload() -> None:
    [found] = wanted([workload()], [])
    manifest = found.manifest()
    assert manifest["metadata"]["name"] == "run-1"
    assert manifest["metadata"]["ownerReferences"][0]["uid"] == "u-1"
    assert manifest["spec"]["channel"]["resourceClaimTemplate"] == {"name": "run-1-channel"}


def test_none_is_made_twice_or_for_jobs_of_the_cluster_itself() -> None:
    assert wanted([workload()], [("pretraining", "run-1")]) == []
    assert wanted([workload(origin=None)], []) == []
    assert wanted([workload(claim="other")], []) == []
    deleted = workload()
    deleted["metadata"]["deletionTimestamp"] = "2026-11-26T21:00:00Z"
    assert wanted([deleted], []) == []
    assert len(wanted([workload("a"), workload("b")], [])) == 1
