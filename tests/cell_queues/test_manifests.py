"""Objects of managers and workers, against Kubernetes' schemas and published CustomResourceDefinitions."""

import pytest

from helpers.manifests import check_object, needs_crds
from ultrafleet.cell_queues import MOST_WORKERS, EksCredentials, QueueOverCells, SecretCredentials, Worker
from ultrafleet.cell_queues.manager_manifests import manager_manifests
from ultrafleet.cell_queues.programs import domain_manifests, token_manifests
from ultrafleet.cell_queues.submitted import submitted
from ultrafleet.cell_queues.worker_manifests import check_job_kinds, worker_manifests
from ultrafleet.errors import FleetError
from ultrafleet.jobs.placement import whole_ultraservers
from ultrafleet.jobs.pod import TrainingJob
from ultrafleet.jobs.training_jobs import jobset
from ultrafleet.kubernetes.capacity_nodes import capacity_nodes
from ultrafleet.queueing import TeamShare
from ultrafleet.queueing.flavors import fleet_flavors

ROLE = "arn:aws:iam::444455556666:role/a-multikueue"
A = Worker(name="a", credentials=EksCredentials(cluster_name="a", region="us-east-1", role_arn=ROLE))
OTHER = Worker(name="other", credentials=SecretCredentials(secret_name="of-other"))  # noqa: S106 - a name
FLAVORS = fleet_flavors(capacity_nodes("training", "u-p6e-gb200x72", 2))
_NOT_SHARED = {"AdmissionCheck", "MultiKueueCluster", "MultiKueueConfig"}
"""Kinds without a definition beside the repository."""


@needs_crds
def test_every_object_is_as_its_definition_says() -> None:
    queue = QueueOverCells(workload="training", workers=(A, OTHER), elsewhere={"nvidia.com/gpu": 8})
    manifests = [
        *manager_manifests([queue], FLAVORS, [TeamShare(team_name="research")]),
        *worker_manifests(["JobSet", "Job", "TrainJob"]),
        *token_manifests([A, OTHER]),
        *domain_manifests(namespace="ultrafleet-system"),
    ]
    for manifest in manifests:
        if manifest["kind"] not in _NOT_SHARED:
            check_object(manifest, "1.35")


def test_each_worker_is_named_once_however_many_queues_it_has() -> None:
    queues = [QueueOverCells(workload=name, workers=(A,)) for name in ("training", "research")]
    flavors = fleet_flavors(
        [*capacity_nodes("training", "u-p6e-gb200x72", 1), *capacity_nodes("research", "p5en.48xlarge", 2)]
    )
    found = [(item["kind"], item["metadata"]["name"]) for item in manager_manifests(queues, flavors)]
    assert len(found) == len(set(found))
    assert [name for kind, name in found if kind == "MultiKueueConfig"] == ["training", "research"]


def test_queues_of_other_workloads_have_no_check() -> None:
    flavors = fleet_flavors(
        [*capacity_nodes("training", "u-p6e-gb200x72", 1), *capacity_nodes("own", "p5en.48xlarge", 2)]
    )
    found = manager_manifests([QueueOverCells(workload="training", workers=(A,))], flavors)
    checks = {
        item["metadata"]["name"]: "admissionChecksStrategy" in item["spec"]
        for item in found
        if item["kind"] == "ClusterQueue"
    }
    assert checks == {"training": True, "own": False}


def test_a_job_is_submitted_with_the_template_that_its_domain_would_make() -> None:
    placement = whole_ultraservers(FLAVORS[0], 1)
    job = TrainingJob(name="run-1", namespace="research", placement=placement, image="x/y:1", command=["true"])
    before, after = jobset(job), submitted(jobset(job))
    assert [item["kind"] for item in before] == ["ComputeDomain", "JobSet"]
    assert [item["kind"] for item in after] == ["ResourceClaimTemplate", "JobSet"]
    assert after[0]["metadata"]["name"] == "run-1-channel"
    assert after[1] == before[1]


def test_fails_with_more_workers_than_kueue_takes_or_one_twice() -> None:
    many = tuple(Worker(name=f"a-{number}", credentials=A.credentials) for number in range(MOST_WORKERS + 1))
    with pytest.raises(FleetError, match="queue training has 21 workers, expected 1 to 20"):
        QueueOverCells(workload="training", workers=many)
    with pytest.raises(FleetError, match="queue training has the worker 'a' twice"):
        QueueOverCells(workload="training", workers=(A, A))
    with pytest.raises(FleetError, match="elsewhere of queue training has cpu: 4"):
        QueueOverCells(workload="training", workers=(A,), elsewhere={"cpu": 4})


@pytest.mark.parametrize("kind", ["RayJob", "LeaderWorkerSet", "Pod"])
def test_fails_with_kinds_of_jobs_that_no_queue_takes(kind: str) -> None:
    with pytest.raises(FleetError, match=f"job kind is '{kind}', expected one of JobSet, Job, TrainJob"):
        check_job_kinds([kind])


def test_fails_with_a_role_that_is_none() -> None:
    with pytest.raises(FleetError, match="role_arn is 'a', expected the ARN of an IAM role"):
        EksCredentials(cluster_name="a", region="us-east-1", role_arn="a")


def test_the_program_of_domains_may_change_one_condition_of_workloads() -> None:
    made = {item["kind"]: item for item in domain_manifests(namespace="ultrafleet-system")}
    assert {(rule["resources"][0], *rule["verbs"]) for rule in made["ClusterRole"]["rules"]} == {
        ("workloads", "list"),
        ("workloads/status", "patch"),
        ("computedomains", "list", "create"),
    }
    policy = made["ValidatingAdmissionPolicy"]["spec"]
    assert policy["matchConstraints"]["resourceRules"][0]["resources"] == ["workloads/status"]
    expressions = "".join(item["expression"] for item in policy["validations"])
    assert all(word in expressions for word in ("admission ==", "admissionChecks ==", "c.type != 'Requeued'"))
    assert made["ValidatingAdmissionPolicyBinding"]["spec"]["validationActions"] == ["Deny"]
