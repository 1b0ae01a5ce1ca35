"""Both ends of a queue over cells as constructs: roles, access, and objects in the cluster."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk.assertions import Template

from helpers.common import resources_of
from helpers.workloads import rack
from ultrafleet.cell_queues import EksCredentials, QueueOverCells, SecretCredentials, Worker
from ultrafleet.cell_queues.managed import ManagedQueues
from ultrafleet.cluster import ImportedCluster
from ultrafleet.cluster_addons import CellQueueManager, CellQueueWorker, FleetPlatform
from ultrafleet.delivery import KubectlDelivery
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.capacity_nodes import capacity_nodes
from ultrafleet.queueing.flavors import fleet_flavors

ROLE = "arn:aws:iam::444455556666:role/dallas-a-multikueue"
MANAGER = ImportedCluster(cluster_name="desk")


def managed(cluster: str = "dallas-a", region: str = "us-west-2") -> ManagedQueues:
    workers = (
        Worker(name="dallas-a", credentials=EksCredentials(cluster_name=cluster, region=region, role_arn=ROLE)),
        Worker(name="other-cloud", credentials=SecretCredentials(secret_name="other-cloud")),  # noqa: S106 - a name
    )
    queue = QueueOverCells(workload="training", workers=workers, elsewhere={"nvidia.com/gpu": 8})
    return ManagedQueues(queues=[queue], pools=capacity_nodes("training", "u-p6e-gb200x72", 2))


def objects(template: Template) -> dict[tuple[str, str], dict[str, Any]]:
    found = resources_of(template, "Custom::AWSCDK-EKS-KubernetesResource").values()
    manifests = [json.loads(item["Properties"]["Manifest"])[0] for item in found]
    return {(item["kind"], item["metadata"]["name"]): item for item in manifests}


def test_a_manager_has_kueue_queues_without_nodes_and_one_role_for_all_workers(
    stack: cdk.Stack, delivery: KubectlDelivery
) -> None:
    queues = managed()
    FleetPlatform(
        stack, "Platform", delivery=delivery, cluster=MANAGER, kubernetes_version="1.35", pools=[], managed=queues
    )
    CellQueueManager(stack, "Queues", delivery=delivery, cluster=MANAGER, managed=queues, role_name="desk-multikueue")
    template = Template.from_stack(stack)
    charts = {
        item["Properties"]["Chart"]: json.loads(item["Properties"]["Values"])
        for item in resources_of(template, "Custom::AWSCDK-EKS-HelmChart").values()
    }
    assert set(charts) == {"kueue", "jobset", "kubeflow-trainer"}
    kueue = yaml.safe_load(charts["kueue"]["managerConfig"]["controllerManagerConfigYaml"])
    assert kueue["integrations"]["frameworks"] == ["jobset.x-k8s.io/jobset"]
    assert kueue["multiKueue"]["origin"] == "desk"
    assert kueue["multiKueue"]["workerLostTimeout"] == "900s"
    assert kueue["resources"]["deviceClassMappings"]
    [role] = [
        item["Properties"]
        for item in resources_of(template, "AWS::IAM::Role").values()
        if item["Properties"].get("RoleName") == "desk-multikueue"
    ]
    [statement] = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("sts:AssumeRole", ROLE)
    made = objects(template)
    assert made["MultiKueueConfig", "training"]["spec"]["clusters"] == ["dallas-a", "other-cloud"]
    queue = made["ClusterQueue", "training"]["spec"]
    assert queue["admissionChecksStrategy"] == {"admissionChecks": [{"name": "training"}]}
    quotas = {
        flavor["name"]: {item["name"]: item["nominalQuota"] for item in flavor["resources"]}["nvidia.com/gpu"]
        for flavor in queue["resourceGroups"][0]["flavors"]
    }
    assert quotas == {"training-u-p6e-gb200x72": "144", "training-elsewhere": "8"}
    assert ("Secret", "worker-dallas-a") in made
    assert ("Secret", "other-cloud") not in made
    rules = made["Role", "worker-tokens"]["rules"]
    assert rules == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["patch"], "resourceNames": ["worker-dallas-a"]}
    ]
    assert not any("token" in str(item.get("data", "")) for key, item in made.items() if key[0] == "Secret")


def test_a_worker_grants_its_manager_jobs_and_nothing_else(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    CellQueueWorker(
        stack,
        "Worker",
        delivery=delivery,
        cluster=ImportedCluster(cluster_name="dallas-a"),
        manager_role_arn="arn:aws:iam::111122223333:role/desk-multikueue",
        role_name="dallas-a-multikueue",
        flavors=fleet_flavors([rack()]),
    )
    template = Template.from_stack(stack)
    [entry] = [
        item["Properties"]
        for item in resources_of(template, "AWS::EKS::AccessEntry").values()
        if "KubernetesGroups" in item["Properties"]
    ]
    assert entry["KubernetesGroups"] == ["ultrafleet:multikueue-manager"]
    assert "AccessPolicies" not in entry
    made = objects(template)
    granted = {
        (resource, verb)
        for rule in made["ClusterRole", "multikueue-manager"]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert not {resource for resource, _ in granted} & {"secrets", "pods", "nodes", "configmaps", "serviceaccounts"}
    assert ("jobsets", "create") in granted
    assert ("clusterqueues", "create") not in granted
    [tokens] = made["Role", "multikueue-manager-tokens"]["rules"]
    assert tokens["resources"] == ["serviceaccounts/token"]
    assert tokens["resourceNames"] == ["multikueue-manager"]
    assert ("CronJob", "worker-domains") in made


def test_fails_where_the_manager_is_its_own_worker(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    region = stack.region
    with pytest.raises(FleetError, match="worker dallas-a is the manager itself, expected another cluster"):
        CellQueueManager(
            stack, "Queues", delivery=delivery, cluster=MANAGER, managed=managed("desk", region), role_name="desk"
        )


def test_fails_with_pools_in_the_manager(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    with pytest.raises(FleetError, match="pools is rack-a, expected none in the manager of queues over cells"):
        FleetPlatform(
            stack,
            "Platform",
            delivery=delivery,
            cluster=MANAGER,
            kubernetes_version="1.35",
            pools=[rack()],
            managed=managed(),
        )
