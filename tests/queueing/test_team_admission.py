"""Admission policy of teams' namespaces.

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

TRIED = "3c22c2350a148b86"
"""Hash of the expressions as they were tried."""

BASELINE = {
    "host-namespaces", "privileged", "capabilities", "host-path", "host-ports", "host-handlers", "profiles",
    "proc-mount", "sysctls",
}  # fmt: skip


def policy() -> dict[str, Any]:
    made = team_admission_manifests()
    (found,) = [dict(item["spec"]) for item in made if item["kind"] == "ValidatingAdmissionPolicy"]
    return found


def pods_of(manifests: list[Manifest]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for pod in Content(pools=[], manifests=manifests).pods:
        yield pod.owner, pod.spec


def operations() -> dict[str, list[str]]:
    rules = policy()["matchConstraints"]["resourceRules"]
    return {resource: rule["operations"] for rule in rules for resource in rule["resources"]}


def test_it_denies_in_every_namespace_of_a_team_and_in_no_other() -> None:
    made, binding = team_admission_manifests()
    assert made["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"] == {
        "policyName": made["metadata"]["name"],
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {"matchExpressions": [{"key": "ultrafleet/team", "operator": "Exists"}]}
        },
    }


def test_all_that_a_member_can_make_with_pods_in_it_is_checked() -> None:
    role = next(item for item in team_manifests("pretraining", "training") if item["kind"] == "Role")
    made = {name for rule in role["rules"] if "create" in rule["verbs"] for name in rule["resources"]}
    without_pods = {
        "computedomains",
        "configmaps",
        "secrets",
        "persistentvolumeclaims",
        "pods/exec",
        "pods/portforward",
    }
    assert made - without_pods <= set(operations())
    assert {"pods", "jobs"} <= set(operations())


@pytest.mark.parametrize("kind", ["Pod", "Job", "JobSet", "TrainingRuntime"])
def test_pods_of_each_kind_are_found(kind: str) -> None:
    (variable,) = policy()["variables"]
    assert f"request.kind.kind == '{kind}' ?" in variable["expression"]


def test_every_rule_of_pods_is_held_for_every_pod() -> None:
    looking = [rule["message"] for rule in policy()["validations"] if "variables.pods.all(p, " in rule["expression"]]
    words = (
        "hostNetwork", "privileged", "capability", "hostPath", "hostPort", "host in a probe", "seccomp", "procMount",
        "sysctl", "priorityClassName", "names of nodes", "toleration",
    )  # fmt: skip
    assert len(looking) == len(words)
    for word, message in zip(words, looking, strict=True):
        assert word in message


def test_a_queue_and_a_priority_of_the_team_are_required() -> None:
    found = [rule["message"] for rule in policy()["validations"]]
    assert any("queue-name is missing" in message for message in found)
    assert any("isn't one of its team's" in message for message in found)


def test_only_pods_need_the_selector_that_queues_add() -> None:
    (rule,) = [rule for rule in policy()["validations"] if "nodes; the queue sets it" in rule["message"]]
    assert rule["expression"].startswith("request.kind.kind != 'Pod' || ")


def test_what_exists_is_left_alone_until_its_labels_change() -> None:
    # Queues change a pod's selector when they let it go.
    assert operations().pop("pods") == ["CREATE"]
    assert all(found == ["CREATE", "UPDATE"] for name, found in operations().items() if name != "pods")
    (condition,) = policy()["matchConditions"]
    assert condition["expression"].startswith("oldObject == null || ")


def test_the_baseline_is_whole() -> None:
    assert {rule.id for rule in baseline_rules(locks_memory="true")} == BASELINE


def test_trainers_jobsets_are_let_in_by_who_makes_them() -> None:
    (queue,) = [rule["expression"] for rule in policy()["validations"] if "TrainJob" in rule["expression"]]
    assert "request.userInfo.username.startsWith('system:serviceaccount:')" in queue
    assert "!request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':')" in queue


def expressions() -> list[str]:
    spec = policy()
    return [item["expression"] for part in ("variables", "matchConditions", "validations") for item in spec[part]]


def test_expressions_are_closed() -> None:
    for text in expressions():
        for opened, closed in ("()", "[]", "{}"):
            assert text.count(opened) == text.count(closed), text
        assert text.count("'") % 2 == 0


def test_the_expressions_are_those_that_were_tried() -> None:
    """Change them on a real API server first, with the table of decision 17, and then this."""
    assert hashlib.sha256("\n".join(expressions()).encode()).hexdigest()[:16] == TRIED


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
