"""Consistency both ways: each fault is found, and what is nearly the same and right is not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.agreeing_fleet import Fleet, agreeing_fleet, container, found, pod
from helpers.workloads import b300, h200, job, nodes, rack, trainium
from ultrafleet.consistency import CONSISTENCY_RULES, inconsistencies
from ultrafleet.consistency.content import Content
from ultrafleet.jobs import jobset, torchrun_command, train_job
from ultrafleet.jobs.acceptance_jobs import acceptance_job, shared_acceptance_manifests
from ultrafleet.kubernetes import PoolNodes
from ultrafleet.kubernetes.labels import CAPACITY_LABEL, ULTRASERVER_LABEL, WORKLOAD_LABEL
from ultrafleet.kubernetes.manifest import kubernetes_object
from ultrafleet.queueing import TeamShare, fleet_flavors, queue_manifests
from ultrafleet.training.team_manifests import team_manifests

Objects = dict[str, dict[str, Any]]
Change = Callable[[Objects], object]

EFA = "vpc.amazonaws.com/efa"
REQUIRED = "kueue.x-k8s.io/podset-required-topology"
PREFERRED = "kueue.x-k8s.io/podset-preferred-topology"
SLICE = "kueue.x-k8s.io/podset-slice-required-topology"


def fleet_with(change: Change) -> Fleet:
    members, objects, releases = agreeing_fleet()
    change(objects)
    return members, objects, releases


def broken(fleet: Fleet) -> set[str]:
    members, objects, _ = fleet
    content = Content(pools=members, manifests=list(objects.values()))
    return {rule.id for rule in CONSISTENCY_RULES if list(rule.check(content))}


def both(*changes: Change) -> Change:
    return lambda objects: [change(objects) for change in changes]


def without_domain(owner: str) -> Change:
    """Change that takes a job's ComputeDomain away, and the claim of its pods."""

    def change(objects: Objects) -> None:
        objects.pop(f"ComputeDomain {owner.split()[1]}")
        pod(objects[owner])["spec"].pop("resourceClaims")
        container(objects[owner])["resources"].pop("claims")

    return change


def variable(owner: str, name: str, value: str) -> Change:
    def change(objects: Objects) -> None:
        kept = [item for item in container(objects[owner]).get("env", []) if item["name"] != name]
        container(objects[owner])["env"] = [*kept, {"name": name, "value": value}]

    return change


def without_variable(owner: str, name: str) -> Change:
    def change(objects: Objects) -> None:
        container(objects[owner])["env"] = [item for item in container(objects[owner])["env"] if item["name"] != name]

    return change


def limit(owner: str, resource: str, count: int | None) -> Change:
    def change(objects: Objects) -> None:
        limits = container(objects[owner])["resources"]["limits"]
        limits.pop(resource, None)
        if count is not None:
            limits[resource] = str(count)

    return change


def command(owner: str, *words: str) -> Change:
    return lambda objects: container(objects[owner]).update({"command": list(words)})


def placed(owner: str, **annotations: str) -> Change:
    names = {"required": REQUIRED, "preferred": PREFERRED, "slice": SLICE}
    return lambda objects: pod(objects[owner])["metadata"]["annotations"].update(
        {names[key]: level for key, level in annotations.items()}
    )


def network_claim(owner: str, device_class: str) -> Change:
    """Change that claims network devices for a job's pods, by a template of their namespace."""
    request = {"name": "efa", "exactly": {"deviceClassName": device_class, "count": 1}}

    def change(objects: Objects) -> None:
        objects["ResourceClaimTemplate net"] = kubernetes_object(
            "resource.k8s.io/v1",
            "ResourceClaimTemplate",
            "net",
            namespace="pretraining",
            spec={"spec": {"devices": {"requests": [request]}}},
        )
        claims = pod(objects[owner])["spec"].setdefault("resourceClaims", [])
        claims.append({"name": "net", "resourceClaimTemplateName": "net"})

    return change


def some_of_one_node(objects: Objects) -> None:
    """Two of the four GPUs of one node, by a job of one pod."""
    job_spec = objects["JobSet both"]["spec"]["replicatedJobs"][0]["template"]["spec"]
    job_spec.update({"parallelism": 1, "completions": 1})
    objects["JobSet both"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["metadata"] = {}
    limit("JobSet both", "nvidia.com/gpu", 2)(objects)
    limit("JobSet both", EFA, None)(objects)


def selector(owner: str, key: str, value: str) -> Change:
    return lambda objects: pod(objects[owner])["spec"]["nodeSelector"].update({key: value})


def affinity(owner: str, key: str, operator: str, *values: str) -> Change:
    expression = {"key": key, "operator": operator, "values": list(values)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return lambda objects: pod(objects[owner])["spec"].update(
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}
    )


def requested(owner: str, **amounts: str) -> Change:
    return lambda objects: container(objects[owner])["resources"].setdefault("requests", {}).update(amounts)


def in_init_container(objects: Objects) -> None:
    claims = container(objects["JobSet both"])["resources"].pop("claims")
    pod(objects["JobSet both"])["spec"]["initContainers"] = [{"name": "first", "resources": {"claims": claims}}]


def trainer(**fields: Any) -> Change:
    return lambda objects: objects["TrainJob one"]["spec"]["trainer"].update(fields)


BOTH, SMALL, ONE = "JobSet both", "JobSet small", "TrainingRuntime one"

FAULTS: dict[str, tuple[str, Change]] = {
    "a claim that no container uses": ("used-claims", lambda o: container(o[BOTH])["resources"].update({"claims": []})),
    "a container's claim that its pod lacks": ("used-claims", lambda o: pod(o[BOTH])["spec"].pop("resourceClaims")),
    "a claim of GPUs that no container uses": ("used-claims", network_claim(SMALL, "gpu.nvidia.com")),
    "a job of two racks without a ComputeDomain": ("compute-domains", without_domain(BOTH)),
    "a TrainJob of a rack without a ComputeDomain": ("compute-domains", without_domain(ONE)),
    "a claim of something else instead": (
        "compute-domains",
        both(without_domain(BOTH), network_claim(BOTH, "efa.networking.k8s.aws")),
    ),
    "two GPUs of each node of a job": ("whole-nodes", limit(BOTH, "nvidia.com/gpu", 2)),
    "two GPUs of each node of a TrainJob": ("whole-nodes", limit(ONE, "nvidia.com/gpu", 2)),
    "no EFA on instances": ("network", limit(SMALL, EFA, None)),
    "no EFA between two racks": ("network", both(limit(BOTH, EFA, None), without_variable(BOTH, "FI_PROVIDER"))),
    "no EFA in a rack whose job is told to use it": ("network", limit(ONE, EFA, None)),
    "fewer nodes than pods": ("counts", command(BOTH, "torchrun", "--nnodes=8", "train.py")),
    "more nodes than pods": ("counts", command(SMALL, "torchrun", "--nnodes", "16", "train.py")),
    "fewer nodes in a script": ("counts", command(BOTH, "bash", "-c", "exec torchrun --nnodes=8 train.py")),
    "fewer nodes by a variable": (
        "counts",
        both(variable(BOTH, "N", "8"), command(BOTH, "torchrun", "--nnodes=$(N)", "train.py")),
    ),
    "fewer nodes by torchrun's variable": ("counts", variable(BOTH, "PET_NNODES", "8")),
    "at most fewer nodes": ("counts", command(BOTH, "torchrun", "--nnodes=1:16", "train.py")),
    "fewer nodes in a TrainJob": ("counts", trainer(command=["torchrun"], args=["--nnodes=8", "train.py"])),
    "more processes than GPUs": ("counts", command(BOTH, "torchrun", "--nproc-per-node=8", "train.py")),
    "more processes than GPUs in a TrainJob": ("counts", trainer(numProcPerNode=8)),
    "more processes than logical cores": ("counts", command("JobSet chips", "torchrun", "--nproc_per_node=64")),
    "a preferred level of nobody's": ("levels", placed(SMALL, preferred="example.com/rack")),
    "a required level of another flavor": ("levels", placed(SMALL, required=ULTRASERVER_LABEL)),
    "a slice by a level of nobody's": ("levels", placed(BOTH, slice="example.com/rack")),
    "a level of a flavor without a topology": (
        "levels",
        lambda o: o["ResourceFlavor training-p6-b300-48xlarge"]["spec"].pop("topologyName"),
    ),
    "another architecture": ("nodes", selector(BOTH, "kubernetes.io/arch", "amd64")),
    "another type": ("nodes", selector(BOTH, "node.kubernetes.io/instance-type", "p5.48xlarge")),
    "another architecture by affinity": ("nodes", affinity(BOTH, "kubernetes.io/arch", "In", "amd64")),
    "none of its architecture by affinity": ("nodes", affinity(BOTH, "kubernetes.io/arch", "NotIn", "arm64")),
    "all of a node's CPUs": ("nodes", requested(BOTH, cpu="144")),
    "more memory than a node has": ("nodes", requested(BOTH, memory="4Ti")),
}

TWINS: dict[str, Change] = {
    "a claim that a container uses which runs first": in_init_container,
    "a job that does without NVLink": both(without_domain(BOTH), variable(BOTH, "NCCL_MNNVL_ENABLE", "0")),
    "two GPUs of one node": both(without_domain(BOTH), some_of_one_node),
    "half of the GPUs of instances": limit(SMALL, "nvidia.com/gpu", 4),
    "no EFA in a rack that NVLink joins": both(limit(ONE, EFA, None), without_variable(ONE, "FI_PROVIDER")),
    "as many nodes as pods": command(BOTH, "torchrun", "--nnodes=32", "--nproc-per-node=4", "train.py"),
    "as many nodes by a variable": both(
        variable(BOTH, "N", "32"), command(BOTH, "bash", "-c", "torchrun --nnodes=${N} --nproc_per_node gpu train.py")
    ),
    "a number of nodes that is found at the start": command(BOTH, "torchrun", "--nnodes=$(LWS_GROUP_SIZE)"),
    "fewer to more nodes": command(BOTH, "torchrun", "--nnodes=8:32", "train.py"),
    "fewer processes than GPUs": command(BOTH, "torchrun", "--nnodes=32", "--nproc-per-node=1", "train.py"),
    "as many nodes in a TrainJob": trainer(command=["torchrun"], args=["--nnodes=16", "train.py"], numProcPerNode=4),
    "another program's option": command(BOTH, "train", "--nnodes-file=8", "--nnodes.txt"),
    "the level of hosts": placed(BOTH, slice=ULTRASERVER_LABEL),
    "the preferred level of hosts": placed(SMALL, preferred="kubernetes.io/hostname"),
    "the architecture that nodes have": selector(BOTH, "kubernetes.io/arch", "arm64"),
    "the type that nodes have": both(
        selector(BOTH, "node.kubernetes.io/instance-type", "p6e-gb200.36xlarge"),
        affinity(BOTH, "kubernetes.io/arch", "In", "amd64", "arm64"),
    ),
    "a label that nobody knows": affinity(BOTH, "example.com/own", "In", "yes"),
    "most of a node": requested(BOTH, cpu="128500m", memory="800Gi"),
    "an amount in words of its own": requested(BOTH, memory="1e12"),
}


def test_nothing_is_wrong_without_a_fault() -> None:
    assert broken(agreeing_fleet()) == set()


@pytest.mark.parametrize(("rule", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_by_its_rule(rule: str, fault: Change) -> None:
    assert rule in broken(fleet_with(fault))


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_its_correct_twin_is_silent(twin: Change) -> None:
    assert found(fleet_with(twin)) == []


def test_every_rule_states_what_to_change_and_where_it_is_known_from() -> None:
    for rule in CONSISTENCY_RULES:
        assert rule.protects_from
        assert rule.remedy
        assert rule.source.text


def alone(pool: PoolNodes, made: list[dict[str, Any]]) -> list[str]:
    around = [
        *queue_manifests(fleet_flavors([pool]), [TeamShare(team_name="pretraining")]),
        *team_manifests("pretraining", "training"),
    ]
    return inconsistencies(pools=[pool], manifests=[*around, *made])


def test_instances_without_efa_ask_for_none() -> None:
    pool = nodes("small", "p5.4xlarge", 2, efa=0)
    assert alone(pool, [dict(item) for item in jobset(job("two", flavor=fleet_flavors([pool])[0], some=2))]) == []


KINDS_OF_NODES = {
    "a rack": rack(),
    "overlapping racks": rack(nodes=36, nodes_per_group=18),
    "a rack of GB300": nodes("gb300", "p6e-gb300.36xlarge", 18, efa=4, ultraserver="u-p6e-gb300x72"),
    "B300": b300(),
    "H200": h200(workload="training"),
    "an UltraServer of Trainium": trainium(),
    "Trainium1": nodes("trn1", "trn1.32xlarge", 2, efa=8),
}


@pytest.mark.parametrize("pool", KINDS_OF_NODES.values(), ids=KINDS_OF_NODES)
def test_what_the_library_makes_for_each_kind_of_node_is_silent(pool: PoolNodes) -> None:
    """Jobs of one and of two nodes, as a JobSet and as a TrainJob, and the tests of a block."""
    (flavor,) = fleet_flavors([pool])
    floors = dict.fromkeys(("nvlink", "neuronlink", "efa"), 1.0)
    made = [*shared_acceptance_manifests(), *acceptance_job(pool, image="registry.example/tests:1", floors=floors)]
    for count in (1, 2):
        script = torchrun_command("some", ["t.py"], nodes=count, processes_per_node=pool.accelerators_per_node)
        made += jobset(job(f"set-{count}", flavor=flavor, some=count, command=script))
        made += train_job(job(f"train-{count}", flavor=flavor, some=count))
    assert alone(pool, [dict(item) for item in made]) == []


@given(told=st.integers(1, 40), pods=st.integers(2, 18))
def test_a_program_is_told_as_many_nodes_as_it_has(told: int, pods: int) -> None:
    pool = rack("rack-a")
    made = [copy.deepcopy(dict(item)) for item in jobset(job("some", flavor=fleet_flavors([pool])[0], some=pods))]
    container(made[-1])["args"] = [f"--nnodes={told}"]
    assert bool(alone(pool, made)) is (told != pods)


def groups(size: int, replicas: int | None = None) -> list[dict[str, Any]]:
    """Groups of nodes of a rack, and their namespace's way to the queue."""
    counts = {"nvidia.com/gpu": "4", EFA: "4"}
    template = {
        "metadata": {"annotations": {REQUIRED: ULTRASERVER_LABEL}},
        "spec": {
            "nodeSelector": {CAPACITY_LABEL: "u-p6e-gb200x72", WORKLOAD_LABEL: "training"},
            "containers": [{"name": "engine", "resources": {"limits": counts, "claims": [{"name": "channel"}]}}],
            "resourceClaims": [{"name": "channel", "resourceClaimTemplateName": "served-channel"}],
        },
    }
    domain = {"numNodes": 0, "channel": {"resourceClaimTemplate": {"name": "served-channel"}}}
    spec: dict[str, Any] = {"leaderWorkerTemplate": {"size": size, "workerTemplate": template}}
    if replicas is not None:
        spec["replicas"] = replicas
    where: dict[str, Any] = {"namespace": "pretraining"}
    queue = {"kueue.x-k8s.io/queue-name": "pretraining"}
    return [
        kubernetes_object("resource.nvidia.com/v1beta1", "ComputeDomain", "served", spec=domain, **where),
        kubernetes_object("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "served", labels=queue, spec=spec, **where),
    ]


def scaled(kind: str, most: int | None) -> dict[str, Any]:
    api, field = {
        "ScaledObject": ("keda.sh/v1alpha1", "maxReplicaCount"),
        "HorizontalPodAutoscaler": ("autoscaling/v2", "maxReplicas"),
    }[kind]
    spec: dict[str, Any] = {"scaleTargetRef": {"kind": "LeaderWorkerSet", "name": "served"}}
    if most is not None:
        spec[field] = most
    return kubernetes_object(api, kind, "served", namespace="pretraining", spec=spec)


@pytest.mark.parametrize("kind", ["ScaledObject", "HorizontalPodAutoscaler"])
@pytest.mark.parametrize(
    ("size", "most", "fits"),
    [
        (1, 18, True), (1, 19, False), (2, 9, True), (2, 18, False),
        (4, 4, True), (4, 5, False), (18, 1, True), (18, 2, False),
    ],
)  # fmt: skip
def test_replicas_of_groups_are_counted_in_groups(kind: str, size: int, most: int, fits: bool) -> None:
    messages = alone(rack("rack-a"), [*groups(size), scaled(kind, most)])
    assert (messages == []) is fits, messages
    if not fits:
        assert f"served may have {most} replicas" in messages[0]
        assert f"expected at most {18 // size}: its pools hold no more" in messages[0]


@pytest.mark.parametrize(("most", "fits"), [(8, True), (9, False)])
def test_groups_that_have_to_be_in_one_ultraserver_are_counted_in_each(most: int, fits: bool) -> None:
    """Nodes of two racks that are left over make no group of four."""
    overlapping = rack("rack-a", nodes=36, nodes_per_group=18)
    messages = alone(overlapping, [*groups(4), scaled("ScaledObject", most)])
    assert (messages == []) is fits, messages


@pytest.mark.parametrize(("replicas", "fits"), [(4, True), (5, False)])
def test_stated_replicas_of_groups_are_counted_with_all_their_pods(replicas: int, fits: bool) -> None:
    messages = alone(rack("rack-a"), groups(4, replicas))
    assert any(f"served has {replicas} replicas of 4 pods, expected at most 4" in text for text in messages) is not fits


def test_a_scaler_without_a_maximum_has_keda_s() -> None:
    (message,) = alone(rack("rack-a"), [*groups(2), scaled("ScaledObject", None)])
    assert "served may have 100 replicas of 2 pods, expected at most 9" in message


@pytest.mark.parametrize(("size", "fits"), [(18, True), (19, False)])
def test_a_group_fits_one_ultraserver_however_many_groups_there_are(size: int, fits: bool) -> None:
    messages = alone(rack("rack-a", nodes=36, nodes_per_group=18), groups(size, 2))
    assert any(f"has {size} pods in one UltraServer" in text for text in messages) is not fits, messages


@pytest.mark.parametrize(("size", "wanted"), [(1, False), (2, True)])
def test_groups_of_several_nodes_need_a_compute_domain(size: int, wanted: bool) -> None:
    (_, owner) = groups(size)
    pod(owner)["spec"].pop("resourceClaims")
    container(owner)["resources"].pop("claims")
    messages = alone(rack("rack-a"), [owner])
    assert any("claims no ComputeDomain" in text for text in messages) is wanted, messages


@pytest.mark.parametrize(("mode", "wanted"), [("Indexed", True), (None, False)])
def test_pods_of_a_job_work_together_where_they_can_find_each_other(mode: str | None, wanted: bool) -> None:
    (_, owner) = groups(1)
    template = owner["spec"]["leaderWorkerTemplate"]["workerTemplate"]
    template["spec"].pop("resourceClaims")
    template["spec"]["containers"][0]["resources"].pop("claims")
    spec = {"parallelism": 2, "completions": 2, "template": template, **({"completionMode": mode} if mode else {})}
    made = kubernetes_object("batch/v1", "Job", "array", namespace="pretraining", spec=spec)
    assert any("claims no ComputeDomain" in text for text in alone(rack("rack-a"), [made])) is wanted
