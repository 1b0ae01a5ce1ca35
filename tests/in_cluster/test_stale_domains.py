"""ComputeDomains go with their jobs, and not before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.workloads import job
from ultrafleet.in_cluster.kubernetes_api import ApiError
from ultrafleet.in_cluster.stale_domains import JOB_LABEL, LEAST_AGE_SECONDS, Domain, claimed_domains, is_over, stale
from ultrafleet.in_cluster.stale_domains_command import look
from ultrafleet.jobs import jobset, train_job

NOW = 1_800_000_000.0
OLD = "2026-12-01T11:30:00Z"  # before NOW


def domain(name: str = "llama", **changed: Any) -> Domain:
    given: dict[str, Any] = {"namespace": "a", "name": name, "uid": f"uid-{name}", "job": name, "created": 0.0}
    return Domain(**{**given, **changed})


@pytest.mark.parametrize(
    ("jobs", "claimed", "age", "goes"),
    [
        ([], [], LEAST_AGE_SECONDS, True),
        ([("b", "llama"), ("a", "other")], ["uid-other"], LEAST_AGE_SECONDS, True),
        ([("a", "llama")], [], 10**6, False),
        ([], ["uid-llama"], 10**6, False),
        ([], [], LEAST_AGE_SECONDS - 1, False),
    ],
    ids=["no job", "a job of the same name elsewhere", "its job", "a pod that still ends", "its job comes later"],
)
def test_a_domain_goes_when_its_job_has(
    jobs: list[tuple[str, str]], claimed: list[str], age: float, goes: bool
) -> None:
    assert bool(stale([domain()], jobs=jobs, claimed=claimed, now=age)) is goes


NAMES = st.sampled_from(["a", "b", "c"])


@given(
    domains=st.lists(st.builds(domain, NAMES, namespace=NAMES, created=st.floats(0, 2000)), max_size=9),
    jobs=st.sets(st.tuples(NAMES, NAMES)),
    claimed=st.sets(NAMES.map(lambda name: f"uid-{name}")),
)
def test_what_goes_is_old_and_has_neither_job_nor_claim_and_nothing_else_stays(
    domains: list[Domain], jobs: set[tuple[str, str]], claimed: set[str]
) -> None:
    gone = stale(domains, jobs=jobs, claimed=claimed, now=2000)
    for item in domains:
        free = (item.namespace, item.job) not in jobs and item.uid not in claimed and item.created <= 1400
        assert (item in gone) is free


@pytest.mark.parametrize(
    ("status", "over"),
    [
        ({}, False),
        ({"conditions": [{"type": "Suspended", "status": "True"}]}, False),
        ({"conditions": [{"type": "Complete", "status": "False"}]}, False),
        ({"terminalState": "Completed"}, True),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, True),
        ({"conditions": [{"type": "Failed", "status": "True"}]}, True),
    ],
)
def test_a_job_is_over(status: dict[str, Any], over: bool) -> None:
    assert is_over({"status": status}) is over


def test_a_claim_names_its_domain() -> None:
    parameters = {"kind": "ComputeDomainChannelConfig", "domainID": "u"}
    claim = {"spec": {"devices": {"config": [{"opaque": {"parameters": parameters}}, {"opaque": {}}, {}]}}}
    assert claimed_domains(claim) == ["u"]
    assert claimed_domains({"spec": {"devices": {"requests": []}}}) == []


@pytest.mark.parametrize("make", [jobset, train_job])
def test_the_library_s_domains_name_their_job(make: Any) -> None:
    made, *_, owner = make(job("llama"))
    assert made["metadata"]["labels"][JOB_LABEL] == owner["metadata"]["name"] == "llama"


class Api:
    """A cluster with ComputeDomains, jobs and claims."""

    def __init__(self, objects: dict[str, list[dict[str, Any]]], refusal: int | None = None) -> None:
        self.objects, self.refusal = objects, refusal
        self.asked: list[str] = []
        self.deleted: list[tuple[str, Any]] = []

    def list(self, path: str, selector: str) -> list[dict[str, Any]]:
        kind = path.rsplit("/", 1)[-1]
        assert selector == (JOB_LABEL if kind == "computedomains" else "")
        self.asked.append(kind)
        return self.objects.get(kind, [])

    def call(self, method: str, path: str, body: Any) -> None:
        assert method == "DELETE"
        if self.refusal is not None:
            raise ApiError(self.refusal, "refused")
        self.deleted.append((path, body))


def kept(name: str) -> dict[str, Any]:
    metadata = {"namespace": "a", "name": name, "uid": f"uid-{name}", "creationTimestamp": OLD}
    return {"metadata": {**metadata, "labels": {JOB_LABEL: name}}}


def test_a_look_deletes_the_domains_of_jobs_that_are_over_by_their_uid() -> None:
    jobs = [{"metadata": {"namespace": "a", "name": "runs"}}]
    over = [{"metadata": {"namespace": "a", "name": "done"}, "status": {"terminalState": "Failed"}}]
    api = Api({"computedomains": [kept("runs"), kept("done"), kept("gone")], "jobsets": [*jobs, *over]})
    look(api, now=NOW, log=lambda _: None)  # type: ignore[arg-type]
    root = "apis/resource.nvidia.com/v1beta1/namespaces/a/computedomains"
    assert api.deleted == [(f"{root}/{name}", {"preconditions": {"uid": f"uid-{name}"}}) for name in ("done", "gone")]
    assert api.asked[0] == "computedomains"
    assert set(api.asked) == {"computedomains", "jobsets", "trainjobs", "resourceclaims"}


@pytest.mark.parametrize("status", [404, 409])
def test_a_domain_that_is_gone_or_another_is_passed_over(status: int) -> None:
    said: list[Any] = []
    look(Api({"computedomains": [kept("gone")]}, status), now=NOW, log=said.append)  # type: ignore[arg-type]
    assert [entry["event"] for entry in said] == ["looked"]


def test_fails_when_the_api_refuses() -> None:
    with pytest.raises(ApiError):
        look(Api({"computedomains": [kept("gone")]}, 403), now=NOW, log=lambda _: None)  # type: ignore[arg-type]
