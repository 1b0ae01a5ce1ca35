"""CEL rules of published CustomResourceDefinitions: every object obeys them, and each has a planted violation."""

import copy
from collections.abc import Callable
from typing import Any

import cel
import pytest

from helpers.crd_rules import broken_rules, rules_of, with_defaults
from helpers.manifests import SchemaError, check_object, definition, needs_crds, published_schemas
from helpers.workloads import b300, flavor_of, h200, job, rack, trainium
from ultrafleet.catalog.eks import DEFAULT_KUBERNETES_VERSION
from ultrafleet.jobs import jobset, train_job
from ultrafleet.queueing import fleet_flavors, queue_manifests

Change = Callable[[dict[str, Any]], object]
TOLERATION = {"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}


def one(kind: str) -> dict[str, Any]:
    """An object of a kind, as the library makes it."""
    objects = [
        *queue_manifests(fleet_flavors([rack(), b300(), h200(), trainium()])),
        *jobset(job(flavor=flavor_of([b300()]), racks=None, some=2)),
        *train_job(job("trained")),
    ]
    return copy.deepcopy(dict(next(item for item in objects if item["kind"] == kind)))


def spec(*path: str | int, **fields: Any) -> Change:
    """Change of fields somewhere below `spec`; what isn't there on the way is made."""

    def change(manifest: dict[str, Any]) -> None:
        found: Any = manifest["spec"]
        for key in path:
            found = found[key] if isinstance(key, int) else found.setdefault(key, {})
        found.update(fields)

    return change


def listed(field: str, *values: Any) -> Change:
    return lambda manifest: manifest["spec"].update({field: list(values)})


def toleration(**changed: Any) -> Change:
    made = {key: value for key, value in {**TOLERATION, **changed}.items() if value is not None}
    return listed("tolerations", made)


def in_order(found: dict[str, Any]) -> None:
    found["startupPolicy"] = {"startupPolicyOrder": "InOrder"}
    found["replicatedJobs"][0]["dependsOn"] = [{"name": "before", "status": "Ready"}]


def claimed_elsewhere(found: dict[str, Any]) -> None:
    template = {"metadata": {"name": "data", "namespace": "other"}, "spec": {}}
    found["volumeClaimPolicies"] = [{"templates": [template]}]


def borrowing(found: dict[str, Any]) -> None:
    found["spec"].pop("cohortName", None)
    found["spec"]["resourceGroups"][0]["flavors"][0]["resources"][0]["borrowingLimit"] = "1"


PLANTED: dict[str, tuple[str, Change, str]] = {
    "a name that begins with a digit": (
        "TrainJob", lambda o: o["metadata"].update(name="1b"), "self.metadata.name.matches",
    ),
    "a long name": ("TrainJob", lambda o: o["metadata"].update(name="a" * 64), "size(self.metadata.name) <= 63"),
    "no processes": ("TrainJob", spec("trainer", numProcPerNode=0), "self >= 1"),
    "no processes of a runtime": (
        "TrainingRuntime", lambda o: o["spec"].update(mlPolicy={"mpi": {"numProcPerNode": 0}}), "self >= 1",
    ),
    "another manager": ("TrainJob", spec(managedBy="me"), "self in ['trainer.kubeflow.org/trainjob-controller'"),
    "data from nowhere": ("TrainJob", spec("initializer", "dataset", storageUri="nowhere"), "self.matches"),
    "a status without a time": (
        "TrainJob", lambda o: o.update(status={"trainerStatus": {}}), "has(self.lastUpdatedTime)",
    ),
    "two policies of a runtime": (
        "TrainingRuntime", lambda o: o["spec"].update(mlPolicy={"torch": {}, "mpi": {}}), "has(self.torch)",
    ),
    "variables of a container that Trainer owns": (
        "TrainingRuntime",
        spec("mlPolicy", "torch", "envInjection", targets=[{"containerNames": ["node"]}]),
        "!self.exists(c, c == 'node')",
    ),
    "jobs in order that wait for one another": ("JobSet", lambda o: in_order(o["spec"]), "startupPolicyOrder"),
    "steps in order that wait for one another": (
        "TrainingRuntime", lambda o: in_order(o["spec"]["template"]["spec"]), "startupPolicyOrder",
    ),
    "a claim in another namespace": ("JobSet", lambda o: claimed_elsewhere(o["spec"]), "t.metadata.namespace"),
    "a claim of a step in another namespace": (
        "TrainingRuntime", lambda o: claimed_elsewhere(o["spec"]["template"]["spec"]), "t.metadata.namespace",
    ),
    "fewer resources than are covered": (
        "ClusterQueue", lambda o: o["spec"]["resourceGroups"][0]["flavors"][0]["resources"].pop(), "size(x.resources)",
    ),
    "a limit of borrowing without a cohort": (
        "ClusterQueue",
        borrowing,
        "!has(r.borrowingLimit)",
    ),
    "a preference between one way": (
        "ClusterQueue", spec("flavorFungibility", preference="BorrowingOverPreemption"), "!has(self.preference)",
    ),
    "borrowing that preempts without reclaiming": (
        "ClusterQueue",
        spec("preemption", reclaimWithinCohort="Never", borrowWithinCohort={"policy": "LowerPriority"}),
        "self.borrowWithinCohort.policy",
    ),
    "a topology without node labels": ("ResourceFlavor", spec(nodeLabels={}), "self.nodeLabels.size()"),
    "a taint of no effect": (
        "ResourceFlavor", listed("nodeTaints", {"key": "a", "value": "b", "effect": "Never"}), "x.effect in",
    ),
    "a toleration of no effect": ("ResourceFlavor", toleration(effect="Never"), "!has(x.effect)"),
    "a toleration by no operator": ("ResourceFlavor", toleration(operator="Like"), "!has(x.operator)"),
    "a toleration of everything that is equal": ("ResourceFlavor", toleration(key=None), "!has(x.key)"),
    "a toleration that exists and is equal": (
        "ResourceFlavor", toleration(operator="Exists"), "x.operator == 'Exists' ? !has(x.value)",
    ),
    "a toleration for a while that evicts nothing": (
        "ResourceFlavor", toleration(tolerationSeconds=5), "has(x.tolerationSeconds)",
    ),
    "a level twice": ("Topology", listed("levels", {"nodeLabel": "a"}, {"nodeLabel": "a"}), "size(self.filter(j"),
    "a level below hosts": (
        "Topology", listed("levels", {"nodeLabel": "kubernetes.io/hostname"}, {"nodeLabel": "a"}), "i.nodeLabel ==",
    ),
}  # fmt: skip
"""Violations by what they are: kind, change, and a piece of the rule that it breaks."""

KINDS = {
    "ClusterQueue": "v1beta2", "ComputeDomain": "v1beta1", "JobSet": "v1alpha2", "LeaderWorkerSet": "v1",
    "LocalQueue": "v1beta2", "ResourceFlavor": "v1beta2", "Topology": "v1beta2", "TrainJob": "v1alpha1",
    "TrainingRuntime": "v1alpha1", "WorkloadPriorityClass": "v1beta2",
}  # fmt: skip
"""Custom kinds that the library makes, in the versions that it writes."""


def broken(kind: str, change: Change) -> list[str]:
    manifest = one(kind)
    assert list(broken_rules(definition(kind, KINDS[kind]), manifest)) == []
    change(manifest)
    return list(broken_rules(definition(kind, KINDS[kind]), manifest))


@needs_crds
@pytest.mark.parametrize(("kind", "change", "rule"), PLANTED.values(), ids=PLANTED)
def test_fails_with_a_planted_violation(kind: str, change: Change, rule: str) -> None:
    (text,) = broken(kind, change)
    assert rule in text


@needs_crds
def test_every_rule_has_a_violation() -> None:
    rules = {(kind, rule) for kind, version in KINDS.items() for rule in rules_of(definition(kind, version))}
    violated = {
        (kind, rule) for kind, rule in rules for of, _, piece in PLANTED.values() if of == kind and piece in rule
    }
    # Flux is a runtime that the library doesn't write; its rule has the text of MPI's.
    assert {rule for _, rule in rules - violated} == set()
    assert len(rules) >= 25


@needs_crds
def test_the_library_knows_the_syntax_of_every_published_rule() -> None:
    rules = {rule for schema in published_schemas() for rule in rules_of(schema)}
    of_updates = {rule for schema in published_schemas() for rule in rules_of(schema, transitions=True)}
    for rule in rules | of_updates:
        cel.compile(rule)
    assert rules
    # Of an object that is changed; objects here are new.
    assert of_updates


@needs_crds
def test_an_object_that_breaks_a_rule_is_refused_as_a_whole() -> None:
    manifest = one("Topology")
    manifest["spec"]["levels"].append(manifest["spec"]["levels"][0])
    with pytest.raises(SchemaError, match=r"Topology spec.levels: .*size\(self.filter"):
        check_object(manifest, DEFAULT_KUBERNETES_VERSION)


def test_defaults_are_there_before_the_rules() -> None:
    schema = {
        "properties": {
            "items": {
                "items": {
                    "properties": {"size": {"type": "integer", "default": 0}},
                    "x-kubernetes-validations": [{"rule": "self.size > 0", "message": "is empty"}],
                }
            }
        }
    }
    assert with_defaults(schema, {"items": [{}]}) == {"items": [{"size": 0}]}
    assert list(broken_rules(schema, {"items": [{"size": 1}, {}]})) == ["items[1]: is empty (self.size > 0)"]


def test_rules_of_updates_are_left_out() -> None:
    schema = {"x-kubernetes-validations": [{"rule": "self == oldSelf"}, {"rule": "self == 1"}]}
    assert list(broken_rules(schema, 2)) == ["object: self == 1 (self == 1)"]
    assert rules_of(schema, transitions=True) == {"self == oldSelf"}
