"""Admission policies of teams' namespaces.

No CEL runs here. Each expression was tried on a real API server with the planted objects of decision 17; these tests
hold what was tried: which rules there are, on which objects, for whom, and that the library's own jobs ask for nothing
else.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from helpers.workloads import b300, flavor_of, h200, job, trainium
from ultrafleet.consistency.content import Content
from ultrafleet.jobs import jobset, train_job
from ultrafleet.kubernetes.manifest import Manifest
from ultrafleet.kubernetes.pod_security import baseline_rules
from ultrafleet.queueing.team_admission import team_admission_manifests
from ultrafleet.training.team_manifests import team_manifests

TRIED = "2f33d51bda9d7e71"
"""Hash of the expressions as they were tried."""

BASELINE = {
    "host-namespaces", "privileged", "capabilities", "host-path", "host-ports", "host-handlers", "profiles",
    "proc-mount", "sysctls",
}  # fmt: skip


def policies() -> dict[str, dict[str, Any]]:
    made = team_admission_manifests()
    return {item["metadata"]["name"]: dict(item["spec"]) for item in made if item["kind"].endswith("Policy")}


def messages(spec: Mapping[str, Any]) -> list[str]:
    return [rule["message"] for rule in spec["validations"]]


def pods_of(manifests: list[Manifest]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for pod in Content(pools=[], manifests=manifests).pods:
        yield pod.owner, pod.spec


def test_every_policy_denies_in_every_namespace_of_a_team_and_in_no_other() -> None:
    bindings = {
        item["spec"]["policyName"]: item["spec"]
        for item in team_admission_manifests()
        if item["kind"].endswith("Binding")
    }
    assert bindings.keys() == policies().keys()
    for binding in bindings.values():
        assert binding["validationActions"] == ["Deny"]
        assert binding["matchResources"] == {
            "namespaceSelector": {"matchExpressions": [{"key": "ultrafleet/team", "operator": "Exists"}]}
        }
    assert all(spec["failurePolicy"] == "Fail" for spec in policies().values())


def test_all_that_a_member_can_make_with_pods_in_it_is_checked() -> None:
    role = next(item for item in team_manifests("pretraining", "training") if item["kind"] == "Role")
    made = {name for rule in role["rules"] if "create" in rule["verbs"] for name in rule["resources"]}
    checked = {spec["matchConstraints"]["resourceRules"][0]["resources"][0] for spec in policies().values()}
    without_pods = {
        "computedomains",
        "configmaps",
        "secrets",
        "persistentvolumeclaims",
        "pods/exec",
        "pods/portforward",
    }
    assert made - without_pods <= checked
    assert {"pods", "jobs"} <= checked


@pytest.mark.parametrize("name", ["pods", "jobs", "jobsets", "runtimes"])
def test_whatever_has_pods_has_every_rule_of_pods(name: str) -> None:
    found = messages(policies()[f"ultrafleet-team-{name}"])
    for words in ("hostNetwork", "privileged", "capability", "hostPath", "hostPort", "host in a probe", "seccomp"):
        assert any(words in message for message in found), words
    for words in ("procMount", "sysctl", "priorityClassName", "names of nodes", "toleration"):
        assert any(words in message for message in found), words


@pytest.mark.parametrize("name", ["pods", "jobs", "jobsets", "trainjobs"])
def test_a_queue_and_a_priority_of_the_team_are_required(name: str) -> None:
    found = messages(policies()[f"ultrafleet-team-{name}"])
    assert any("queue-name is missing" in message for message in found)
    assert any("isn't one of its team's" in message for message in found)


def test_only_pods_need_the_selector_that_queues_add() -> None:
    with_it = [name for name, spec in policies().items() if any("system's nodes" in line for line in messages(spec))]
    assert with_it == ["ultrafleet-team-pods"]


def test_what_exists_is_left_alone_until_its_labels_change() -> None:
    for name, spec in policies().items():
        (rule,) = spec["matchConstraints"]["resourceRules"]
        if name == "ultrafleet-team-pods":  # queues change a pod's selector when they let it go
            assert rule["operations"] == ["CREATE"]
        else:
            assert rule["operations"] == ["CREATE", "UPDATE"]
            assert "oldObject == null" in spec["matchConditions"][0]["expression"]


def test_the_baseline_is_whole() -> None:
    assert {rule.id for rule in baseline_rules(locks_memory="true")} == BASELINE


def test_trainers_jobsets_are_let_in_by_who_makes_them() -> None:
    expressions = [rule["expression"] for rule in policies()["ultrafleet-team-jobsets"]["validations"]]
    (queue,) = [text for text in expressions if "TrainJob" in text]
    assert "request.userInfo.username.startsWith('system:serviceaccount:')" in queue
    assert "!request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':')" in queue


@pytest.mark.parametrize("spec", policies().values(), ids=policies())
def test_expressions_are_closed(spec: Mapping[str, Any]) -> None:
    for rule in spec["validations"]:
        text = rule["expression"]
        for opened, closed in ("()", "[]", "{}"):
            assert text.count(opened) == text.count(closed), text
        assert text.count("'") % 2 == 0
        assert "\n" not in rule["message"]


def test_the_expressions_are_those_that_were_tried() -> None:
    """Change them on a real API server first, with the table of decision 17, and then this."""
    text = "\n".join(rule["expression"] for name, spec in sorted(policies().items()) for rule in spec["validations"])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == TRIED


@pytest.mark.parametrize(
    "manifests",
    [
        jobset(job(racks=2, lustre_path="/lustre")),
        train_job(job("trained")),
        jobset(job("small", flavor=flavor_of([b300()]), racks=None, some=2)),
        jobset(job("h200", flavor=flavor_of([h200()]), racks=None, some=2)),
        train_job(job("part", racks=None, some=1, accelerators=2)),
        jobset(job("trn", flavor=flavor_of([trainium()]), racks=None, some=2, command=["python3"])),
    ],
    ids=["racks", "trainjob", "instances", "h200", "part", "trainium"],
)
def test_the_librarys_own_jobs_ask_for_nothing_that_is_refused(manifests: list[Manifest]) -> None:
    namespace = next(item for item in team_manifests("pretraining", "training") if item["kind"] == "Namespace")
    allowed = namespace["metadata"]["annotations"]["ultrafleet/priorities"].split(",")
    submitted = [item for item in manifests if item["kind"] in {"JobSet", "TrainJob"}]
    assert submitted
    for item in submitted:
        assert item["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
        assert item["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] in allowed
    found = list(pods_of(manifests))
    assert found
    for owner, spec in found:
        assert set(spec) <= {
            "restartPolicy", "schedulerName", "serviceAccountName", "nodeSelector", "tolerations", "containers",
            "volumes", "resourceClaims",
        }, owner  # fmt: skip
        assert "ultrafleet/workload" in spec["nodeSelector"]
        assert "kubernetes.io/hostname" not in spec["nodeSelector"]
        assert all(item["key"] != "ultrafleet/unproven" for item in spec["tolerations"])
        assert not any("hostPath" in volume for volume in spec["volumes"])
        for container in spec["containers"]:
            context = container.get("securityContext", {})
            assert context in ({}, {"capabilities": {"add": ["IPC_LOCK"]}})
            assert bool(context) is ("vpc.amazonaws.com/efa" in container["resources"]["limits"])


def test_a_job_without_efa_locks_no_memory() -> None:
    (pod,) = [spec for _, spec in pods_of(jobset(job("part", racks=None, some=1, accelerators=2)))]
    assert "securityContext" not in pod["containers"][0]
