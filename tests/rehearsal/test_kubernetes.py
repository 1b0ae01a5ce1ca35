"""The embedded clusters: what deployments bring into them is kept, refused where a cluster would, and read back."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from helpers.manifests import delivered_objects, delivered_releases
from helpers.rehearsal_site import DeployedEnvironment, deployed, site
from helpers.workload_edits import argo_cd
from ultrafleet.catalog.eks import DEFAULT_KUBERNETES_VERSION
from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.kubernetes import KubernetesApi, Release
from ultrafleet.rehearsal.kubernetes.rules.kinds import object_key
from ultrafleet.rehearsal.kubernetes.rules.kubectl import cluster_facts
from ultrafleet.rehearsal.scenarios.assembly import StackFailedError
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

pytestmark = pytest.mark.slow

CLUSTER: Mapping[str, Any] = {"version": "1.35", "addons": [], "capabilities": []}


def same(carried: Any, stored: Any) -> bool:
    """Equal, but for what only AWS knew when the template was made."""
    if isinstance(carried, Mapping):
        return carried.keys() == stored.keys() and all(same(carried[key], stored[key]) for key in carried)
    if isinstance(carried, list):
        return len(carried) == len(stored) and all(map(same, carried, stored))
    if isinstance(carried, str) and "made-up" in carried:
        return isinstance(stored, str) and "made-up" not in stored and stored != ""
    return bool(carried == stored)


def content(made: DeployedEnvironment) -> Any:
    api = SIMULATED_ACCOUNT.part(KubernetesApi, made.environment.account, made.environment.region)
    return api.content(made.name)


@pytest.mark.parametrize(("name", "fewest"), [("training", 15), ("inference", 30)])
def test_everything_that_templates_carry_is_stored_and_read_back(name: str, fewest: int) -> None:
    with site(name) as made:
        done = made.deploy()
        assert set(done.values()) == {"created"}
        assert len(done) == len(made.stacks)
        stored = content(made)
        objects = delivered_objects(name)
        assert len(objects) >= fewest
        for manifest in objects:
            assert same(manifest, stored.objects[object_key(manifest)]), manifest
        assert len(stored.objects) == len(objects)
        releases = {item["release"]: item for item in delivered_releases(name)}
        assert {release.name for release in stored.releases.values()} == set(releases)
        for release in stored.releases.values():
            carried = releases[release.name]
            assert release.version == carried["version"]
            assert same(carried["values"], release.values)
        # Each is read back through its own provider, too; a second deployment changes nothing.
        assert set(made.deploy().values()) == {"unchanged"}


def test_stacks_that_go_take_their_objects_with_them() -> None:
    with deployed("training") as made:
        before = set(content(made).objects)
        team = next(stack for stack in made.stacks if stack.name.endswith("team-pretraining"))
        made.call("cloudformation", "delete_stack", StackName=team.name)
        gone = before - set(content(made).objects)
        assert {key[1] for key in gone} >= {"Namespace", "LocalQueue", "Role", "RoleBinding", "ServiceAccount"}
        assert not [key for key in content(made).objects if "pretraining" in key[2:]]


def test_a_chart_with_kinds_stays_when_the_last_team_leaves() -> None:
    with deployed("training") as made:
        before = {release.name for release in content(made).releases.values()}
        assert {"jobset", "kubeflow-trainer"} <= before
        made.deploy(lambda written: written.update(teams=[]))
        assert not [stack for stack in made.stacks if '"jobset"' in stack.template]
        assert {release.name for release in content(made).releases.values()} == before


def test_with_argo_cd_a_deployment_brings_nothing_into_the_cluster() -> None:
    with site("training", lambda content: (argo_cd(content), content.update(teams=[]))) as made:
        assert set(made.deploy().values()) == {"created"}
        assert content(made).objects == {}
        (capability,) = made.call("eks", "list_capabilities", clusterName="training")["capabilities"]
        assert capability["type"] == "ARGOCD"
        done = made.deploy(lambda content: content["kubernetes"]["argo_cd"].update(admin_group_ids=["another"]))
        assert {name for name, what in done.items() if what == "updated"} == {"training-kubernetes"}
        told = made.call("eks", "describe_capability", clusterName="training", capabilityName="argo-cd")["capability"]
        (mapping,) = told["configuration"]["argoCd"]["rbacRoleMappings"]
        assert mapping["identities"][0]["id"] == "another"


class TestKubectl:
    """CDK's handler: it has to reach the cluster, and to be let in."""

    @pytest.fixture(scope="class")
    def made(self) -> Iterator[DeployedEnvironment]:
        with deployed("inference", lambda content: content.update(models=[])) as made:
            yield made

    def token(self, made: DeployedEnvironment) -> str:
        stacks = made.call("cloudformation", "describe_stack_resources", StackName="inference-kubernetes")
        (framework,) = [
            item["PhysicalResourceId"]
            for item in stacks["StackResources"]
            if item["ResourceType"] == "AWS::Lambda::Function" and "framework" in item["LogicalResourceId"]
        ]
        return str(framework)

    def entry(self, made: DeployedEnvironment) -> str:
        entries = made.call("eks", "list_access_entries", clusterName="inference")["accessEntries"]
        (found,) = [arn for arn in entries if "kubernetes" in arn and "Kubectl" in arn]
        return str(found)

    def test_reaches_the_cluster(self, made: DeployedEnvironment) -> None:
        version = cluster_facts(made.call, self.token(made), "inference")["version"]
        assert version == DEFAULT_KUBERNETES_VERSION

    def test_is_refused_without_its_security_group(self, made: DeployedEnvironment) -> None:
        handler = made.call("lambda", "get_function", FunctionName=self.token(made))["Configuration"]["Environment"][
            "Variables"
        ]["USER_ON_EVENT_FUNCTION_ARN"]
        known = made.call("lambda", "get_function", FunctionName=handler)["Configuration"]["VpcConfig"]
        vpc = {"SubnetIds": known["SubnetIds"], "SecurityGroupIds": known["SecurityGroupIds"]}
        subnet = made.call("ec2", "describe_subnets", SubnetIds=known["SubnetIds"][:1])["Subnets"][0]
        other = made.call("ec2", "create_security_group", GroupName="o", Description="o", VpcId=subnet["VpcId"])[
            "GroupId"
        ]
        made.call(
            "lambda",
            "update_function_configuration",
            FunctionName=handler,
            VpcConfig={**vpc, "SecurityGroupIds": [other]},
        )
        try:
            with pytest.raises(Refusal, match="don't reach the private endpoint of inference") as caught:
                cluster_facts(made.call, self.token(made), "inference")
        finally:
            made.call("lambda", "update_function_configuration", FunctionName=handler, VpcConfig=vpc)
        assert caught.value.rule == "kubectl-reaches-endpoint"

    def test_is_refused_without_its_policy(self, made: DeployedEnvironment) -> None:
        role = self.entry(made)
        policy = made.call("eks", "list_associated_access_policies", clusterName="inference", principalArn=role)[
            "associatedAccessPolicies"
        ][0]
        made.call(
            "eks",
            "disassociate_access_policy",
            clusterName="inference",
            principalArn=role,
            policyArn=policy["policyArn"],
        )
        try:
            with pytest.raises(Refusal, match="has no access entry with AmazonEKSClusterAdminPolicy") as caught:
                cluster_facts(made.call, self.token(made), "inference")
        finally:
            made.call(
                "eks",
                "associate_access_policy",
                clusterName="inference",
                principalArn=role,
                policyArn=policy["policyArn"],
                accessScope=policy["accessScope"],
            )
        assert caught.value.rule == "kubectl-has-rights"

    def test_is_refused_where_it_does_not_exist(self, made: DeployedEnvironment) -> None:
        with pytest.raises(Refusal, match="not found"):
            cluster_facts(made.call, "arn:aws:lambda:us-east-1:444455556666:function:nobody", "inference")


class TestApi:
    """The API server, object by object."""

    @pytest.fixture
    def api(self) -> Iterator[KubernetesApi]:
        extension.install()
        with mock_aws():
            SIMULATED_ACCOUNT.reset(datetime(2026, 12, 1, tzinfo=UTC))
            yield SIMULATED_ACCOUNT.part(KubernetesApi, "111122223333", "us-east-1")
            SIMULATED_ACCOUNT.reset()

    def apply(self, api: KubernetesApi, kind: str, version: str = "v1", namespace: str = "", **fields: Any) -> Any:
        metadata = {"name": "a", **({"namespace": namespace} if namespace else {})}
        return api.apply("c", {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}, cluster=CLUSTER)

    def release(self, chart: str = "kueue", **changed: Any) -> Release:
        given: dict[str, Any] = {
            "name": chart,
            "namespace": "default",
            "chart": chart,
            "repository": "oci://x",
            "version": "1.0.0",
            "values": {},
        }
        return Release(**{**given, **changed})

    def test_keeps_a_copy(self, api: KubernetesApi) -> None:
        data = {"key": ["value"]}
        key = self.apply(api, "ConfigMap", namespace="default", data=data)
        data["key"].append("more")
        assert api.read("c", key)["data"] == {"key": ["value"]}

    def test_an_object_without_a_namespace_is_in_default(self, api: KubernetesApi) -> None:
        assert self.apply(api, "ConfigMap")[2] == "default"
        assert self.apply(api, "PersistentVolume")[2] == ""

    def test_refuses_a_namespace_that_is_not_there(self, api: KubernetesApi) -> None:
        with pytest.raises(Refusal, match='namespaces "team" not found') as caught:
            self.apply(api, "ConfigMap", namespace="team")
        assert caught.value.rule == "namespace-exists"
        api.apply("c", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}, cluster=CLUSTER)
        self.apply(api, "ConfigMap", namespace="team")

    def test_a_namespace_takes_what_is_in_it_with_it(self, api: KubernetesApi) -> None:
        key = api.apply("c", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}, cluster=CLUSTER)
        self.apply(api, "ConfigMap", namespace="team")
        api.install("c", self.release(namespace="team"), create_namespace=False)
        api.delete("c", key)
        assert api.content("c").objects == {}
        assert api.content("c").releases == {}

    def test_refuses_a_kind_before_its_chart(self, api: KubernetesApi) -> None:
        with pytest.raises(Refusal, match='no matches for kind "Topology" in version "kueue') as caught:
            self.apply(api, "Topology", "kueue.x-k8s.io/v1beta2")
        assert caught.value.rule == "kind-is-known"
        api.install("c", self.release(), create_namespace=False)
        self.apply(api, "Topology", "kueue.x-k8s.io/v1beta2")

    def test_refuses_a_version_of_a_newer_kubernetes(self, api: KubernetesApi) -> None:
        old = {**CLUSTER, "version": "1.33"}
        manifest = {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "a"}}
        with pytest.raises(Refusal, match="no matches for kind"):
            api.apply("c", manifest, cluster=old)
        api.apply("c", manifest, cluster=CLUSTER)

    @pytest.mark.parametrize(
        ("kind", "version", "before", "after"),
        [
            ("Job", "batch/v1", {"spec": {"template": {"a": 1}}}, {"spec": {"template": {"a": 2}}}),
            ("RoleBinding", "rbac.authorization.k8s.io/v1", {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}),
            ("PersistentVolume", "v1", {"spec": {"csi": {"h": "1"}}}, {"spec": {"csi": {"h": "2"}}}),
            ("PersistentVolumeClaim", "v1", {"spec": {"volumeName": "a"}}, {"spec": {"volumeName": "b"}}),
            ("Service", "v1", {"spec": {"loadBalancerClass": "a"}}, {"spec": {"loadBalancerClass": "b"}}),
        ],
    )
    def test_refuses_to_change_what_is_immutable(
        self, api: KubernetesApi, kind: str, version: str, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        self.apply(api, kind, version, **before)
        self.apply(api, kind, version, **before, metadata={"name": "a", "labels": {"changed": "yes"}})
        with pytest.raises(Refusal, match="field is immutable") as caught:
            self.apply(api, kind, version, **after)
        assert caught.value.rule == "immutable-field"

    def test_refuses_to_read_what_is_not_there(self, api: KubernetesApi) -> None:
        with pytest.raises(Refusal, match='configmaps "a" not found'):
            api.read("c", ("v1", "ConfigMap", "default", "a"))
        with pytest.raises(Refusal, match="release: not found: kueue"):
            api.release("c", "default", "kueue")

    def test_helm_refuses_a_namespace_that_is_not_there(self, api: KubernetesApi) -> None:
        with pytest.raises(Refusal, match='namespaces "kueue-system" not found') as caught:
            api.install("c", self.release(namespace="kueue-system"), create_namespace=False)
        assert caught.value.rule == "release-namespace-exists"
        api.install("c", self.release(namespace="kueue-system"), create_namespace=True)

    def test_helm_refuses_a_long_name(self, api: KubernetesApi) -> None:
        with pytest.raises(Refusal, match="exceeds max length of 53"):
            api.install("c", self.release(name="r" * 54), create_namespace=False)

    def test_helm_uninstalls(self, api: KubernetesApi) -> None:
        api.install("c", self.release(), create_namespace=False)
        api.uninstall("c", "default", "kueue")
        assert api.content("c").releases == {}

    def test_clusters_know_nothing_of_each_other(self, api: KubernetesApi) -> None:
        self.apply(api, "ConfigMap")
        assert api.content("other").objects == {}


def test_a_deployment_into_a_refusal_names_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise Refusal("Unauthorized", "error: You must be logged in to the server (Unauthorized)")

    with site("inference", lambda content: content.update(models=[])) as made:
        monkeypatch.setattr("ultrafleet.rehearsal.cloudformation.providers.kubernetes.cluster_facts", refuse)
        with pytest.raises(StackFailedError) as caught:
            made.deploy()
        assert "Unauthorized" in " ".join(caught.value.reasons)
