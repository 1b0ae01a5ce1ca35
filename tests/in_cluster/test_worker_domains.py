"""ComputeDomains of jobs that a manager sends: made once for each claim, and Kueue then queues the job again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from ultrafleet.in_cluster.kubernetes_api import ApiError
from ultrafleet.in_cluster.worker_domains import CHANNEL_CLAIM, ORIGIN_LABEL, held_back, wanted
from ultrafleet.in_cluster.worker_domains_command import look
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


KEPT = {"type": "Requeued", "status": "False", "reason": "Inadmissible"}
READ = {"type": "QuotaReserved", "status": "False", "reason": "Inadmissible"}


def held(name: str = "jobset-run-1", *conditions: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {**workload(name, **given), "status": {"conditions": list(conditions or (READ, KEPT))}}


def test_a_workload_is_held_back_only_since_kueue_could_not_read_its_template() -> None:
    made = {**KEPT, "status": "True", "reason": "ComputeDomainMade"}
    waiting = {**READ, "reason": "Pending"}
    found = [held(), held("a", waiting, KEPT), held("a", READ, made)]
    assert held_back(found) == found
    others = [
        workload(),
        held("a", READ),
        held("a", waiting, made),
        held("a", READ, {**made, "reason": "BackoffFinished"}),
        held("a", {**KEPT, "status": "True"}),
        held("a", {**KEPT, "reason": "Deactivated"}),
        held(origin=None),
        held(claim="other"),
    ]
    deleted = held()
    deleted["metadata"]["deletionTimestamp"] = "2026-11-26T21:00:00Z"
    assert held_back([*others, deleted]) == []


class Api:
    """A cluster with Workloads; Kueue looks for templates of claims before the program does, and during its pause."""

    def __init__(self, *workloads: dict[str, Any], domains: Sequence[str] = (), refusal: int | None = None) -> None:
        self.workloads, self.refusal = list(workloads), refusal
        self.domains = [{"metadata": {"namespace": "pretraining", "name": name}} for name in domains]
        self.calls: list[tuple[str, str, Any, str]] = []

    def list(self, path: str, selector: str) -> list[dict[str, Any]]:
        assert selector == (ORIGIN_LABEL if path.endswith("workloads") else "")
        return self.workloads if path.endswith("workloads") else self.domains

    def call(self, method: str, path: str, body: Any, content_type: str = "application/json") -> None:
        if method == "PATCH" and self.refusal is not None:
            raise ApiError(self.refusal, "refused")
        self.calls.append((method, path, body, content_type))

    def pause(self, seconds: float) -> None:
        self.calls.append(("PAUSE", str(seconds), None, ""))
        self.workloads = [held(item["metadata"]["name"]) for item in self.workloads]


def looked(api: Api) -> list[Any]:
    said: list[Any] = []
    look(api, log=said.append, pause=api.pause)  # type: ignore[arg-type]
    return said


def test_a_look_makes_the_domain_waits_for_its_template_and_has_the_workload_queued_again() -> None:
    api = Api(workload())
    assert looked(api)[-1] == {"event": "looked", "workloads": 1, "made": 1, "requeued": 1}
    assert [method for method, *_ in api.calls] == ["POST", "PAUSE", "PATCH"]
    _, path, body, content_type = api.calls[-1]
    assert path == (
        "apis/kueue.x-k8s.io/v1beta2/namespaces/pretraining/workloads/jobset-run-1/status"
        "?fieldManager=worker-domains&force=true"
    )
    assert content_type == "application/apply-patch+yaml"
    assert body["metadata"] == {"name": "jobset-run-1", "namespace": "pretraining", "uid": "u-1"}
    [condition] = body["status"].pop("conditions")
    assert body["status"] == {}
    assert datetime.fromisoformat(condition.pop("lastTransitionTime")).tzinfo is not None
    assert (condition["type"], condition["status"]) == ("Requeued", "True")


def test_a_workload_whose_domain_is_there_is_queued_again_without_a_pause_and_once() -> None:
    api = Api(held(), domains=["run-1"])
    looked(api)
    assert [method for method, *_ in api.calls] == ["PATCH"]
    api = Api(held("jobset-run-1", {**KEPT, "status": "True"}), domains=["run-1"])
    assert looked(api) == [{"event": "looked", "workloads": 1, "made": 0, "requeued": 0}]
    assert api.calls == []


@pytest.mark.parametrize("status", [404, 409])
def test_a_workload_that_is_gone_or_another_is_passed_over(status: int) -> None:
    assert [entry["event"] for entry in looked(Api(held(), domains=["run-1"], refusal=status))] == ["looked"]


def test_fails_when_the_api_refuses() -> None:
    with pytest.raises(ApiError):
        looked(Api(held(), domains=["run-1"], refusal=403))
