"""The embedded EKS: nodes as time passes, clusters, add-ons and access, through its API."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from helpers.rehearsal_site import DeployedEnvironment, deployed, site, without_workloads
from ultrafleet.catalog.eks import KUBERNETES_VERSIONS
from ultrafleet.rehearsal.assumptions import CLEAN_UP
from ultrafleet.rehearsal.eks.clock import EVICTION
from ultrafleet.rehearsal.eks.rules.versions import VERSIONS
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

pytestmark = pytest.mark.slow

CLUSTER = {"clusterName": "inference"}
RACK_C = "rack-c-cr-0cccccccccccccc01"
RACK = {**CLUSTER, "nodegroupName": RACK_C}
ROLE = "arn:aws:iam::444455556666:role/people"


@pytest.fixture
def up() -> Iterator[DeployedEnvironment]:
    """Inference, with its pools up."""
    with deployed("inference", without_workloads, up=True) as made:
        yield made


@pytest.fixture(scope="class")
def standing() -> Iterator[DeployedEnvironment]:
    """Inference, for tests that leave it as it is."""
    with deployed("inference", without_workloads) as made:
        yield made


def group(made: DeployedEnvironment, name: str = RACK_C) -> dict[str, Any]:
    found: dict[str, Any] = made.call("eks", "describe_nodegroup", **CLUSTER, nodegroupName=name)["nodegroup"]
    return found


def resize(made: DeployedEnvironment, desired: int) -> None:
    made.call("eks", "update_nodegroup_config", **RACK, scalingConfig={"desiredSize": desired})


class TestNodes:
    def test_that_have_to_go_take_a_quarter_of_an_hour(self, up: DeployedEnvironment) -> None:
        up.call("scheduler", "delete_schedule", Name=up.call("scheduler", "list_schedules")["Schedules"][0]["Name"])
        resize(up, 3)
        assert group(up)["status"] == "UPDATING"
        with pytest.raises(Refusal) as caught:
            resize(up, 9)
        assert caught.value.code == "ResourceInUseException"
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=14))
        assert len(up.nodes("rack-c")) == 9
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=1))
        assert len(up.nodes("rack-c")) == 3
        assert group(up)["status"] == "ACTIVE"
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + CLEAN_UP)
        resize(up, 9)
        assert len(up.nodes("rack-c")) == 9

    def test_are_evicted_before_their_group_is_gone(self, up: DeployedEnvironment) -> None:
        up.call("eks", "delete_nodegroup", **RACK)
        assert group(up)["status"] == "DELETING"
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=15))
        with pytest.raises(Refusal, match="No node group found"):
            group(up)
        assert up.nodes("rack-c") == set()

    def test_are_not_restarted_by_a_change_of_the_groups_configuration(self, up: DeployedEnvironment) -> None:
        before = up.nodes("rack-c")
        taint = {"key": "k", "value": "v", "effect": "NO_EXECUTE"}
        up.call(
            "eks",
            "update_nodegroup_config",
            **RACK,
            labels={"addOrUpdateLabels": {"a": "1"}, "removeLabels": ["ultrafleet/workload"]},
            taints={"addOrUpdateTaints": [taint]},
            updateConfig={"maxUnavailable": 3},
        )
        told = group(up)
        assert told["labels"]["a"] == "1"
        assert "ultrafleet/workload" not in told["labels"]
        assert taint in told["taints"]
        assert told["updateConfig"] == {"maxUnavailable": 3}
        assert up.nodes("rack-c") == before

    def test_are_replaced_by_a_new_version_of_the_template(self, up: DeployedEnvironment) -> None:
        before = up.nodes("rack-c")
        template = group(up)["launchTemplate"]
        key = {"LaunchTemplateId": template["id"]}
        (old,) = up.call("ec2", "describe_launch_template_versions", **key, Versions=["1"])["LaunchTemplateVersions"]
        data = {**old["LaunchTemplateData"], "EbsOptimized": True}
        up.call("ec2", "create_launch_template_version", **key, LaunchTemplateData=data)
        assert up.nodes("rack-c") == before
        up.call("eks", "update_nodegroup_version", **RACK, launchTemplate={"id": template["id"], "version": "2"})
        assert up.nodes("rack-c") == before
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + 9 * (EVICTION + CLEAN_UP))
        assert len(up.nodes("rack-c")) == 9
        assert up.nodes("rack-c").isdisjoint(before)
        other = group(up, "h200-cr-0cccccccccccccc02")["launchTemplate"]["id"]
        with pytest.raises(Refusal, match="cannot change the launch template"):
            up.call("eks", "update_nodegroup_version", **RACK, launchTemplate={"id": other, "version": "1"})

    def test_stay_broken_where_nobody_repairs(self, up: DeployedEnvironment) -> None:
        up.call("eks", "update_nodegroup_config", **RACK, nodeRepairConfig={"enabled": False})
        before = up.nodes("rack-c")
        up.simulation.inject(name="node-fails", pool="rack-c")
        assert up.nodes("rack-c") == before

    def test_system_nodes_are_spread_over_subnets(self, up: DeployedEnvironment) -> None:
        name = next(n for n in up.call("eks", "list_nodegroups", **CLUSTER)["nodegroups"] if "SystemPool" in n)
        assert {i["Placement"]["AvailabilityZone"] for i in up.instances(name)} == {"us-east-1a", "us-east-1b"}
        security_group = up.call("eks", "describe_cluster", name="inference")["cluster"]["resourcesVpcConfig"]
        for instance in up.instances(name):
            assert [item["GroupId"] for item in instance["SecurityGroups"]] == [
                security_group["clusterSecurityGroupId"]
            ]


class TestClusters:
    def test_are_described_as_they_were_made(self, standing: DeployedEnvironment) -> None:
        told = standing.call("eks", "describe_cluster", name="inference")["cluster"]
        assert told["version"] == "1.35"
        assert told["accessConfig"]["authenticationMode"] == "API"
        assert told["resourcesVpcConfig"]["endpointPublicAccess"] is False
        assert told["encryptionConfig"][0]["resources"] == ["secrets"]
        assert told["deletionProtection"] is True
        assert {kind for log in told["logging"]["clusterLogging"] for kind in log["types"]} >= {"api", "audit"}

    @pytest.mark.parametrize(
        ("operation", "given", "message"),
        [
            ("update_cluster_version", {"version": "1.37"}, "Unsupported Kubernetes minor version update"),
            ("update_cluster_version", {"version": "1.34"}, "Unsupported Kubernetes minor version update"),
            (
                "update_cluster_config",
                {"deletionProtection": False, "logging": {"clusterLogging": []}},
                "Only one type of update",
            ),
            ("delete_cluster", {}, "nodegroups attached"),
            ("describe_update", {"updateId": "nobody"}, "No update found"),
        ],
    )
    def test_refuse(self, standing: DeployedEnvironment, operation: str, given: dict[str, Any], message: str) -> None:
        with pytest.raises(Refusal, match=message):
            standing.call("eks", operation, name="inference", **given)


class TestClusterVersions:
    @pytest.mark.parametrize("version", ["1.36", "1.37"])
    def test_that_synthesise_can_be_deployed_with_all_that_is_delivered(self, version: str) -> None:
        def of_version(content: dict[str, Any]) -> None:
            content.setdefault("cluster", {})["kubernetes_version"] = version

        with site("dev", of_version) as made:
            made.deploy()
            assert made.call("eks", "describe_cluster", name="dev")["cluster"]["version"] == version

    def test_are_the_catalogs(self) -> None:
        assert tuple(version.name for version in KUBERNETES_VERSIONS) == VERSIONS

    def test_in_extended_support_stay_in_it(self) -> None:
        def of_1_33(content: dict[str, Any]) -> None:
            content["cluster"] = {"kubernetes_version": "1.33", "upgrade_policy": "EXTENDED"}
            without_workloads(content)

        wanted = {"name": "dev", "upgradePolicy": {"supportType": "STANDARD"}}
        with deployed("dev", of_1_33) as made:
            with pytest.raises(Refusal, match=r"1\.33 is in it since 2026-07-29"):
                made.call("eks", "update_cluster_config", **wanted)
            made.call("eks", "update_cluster_version", name="dev", version="1.34")
            made.call("eks", "update_cluster_config", **wanted)
            assert (
                made.call("eks", "describe_cluster", name="dev")["cluster"]["upgradePolicy"] == wanted["upgradePolicy"]
            )

    def test_refuse_what_the_catalog_does_not_know(self) -> None:
        with (
            site("dev", without_workloads) as made,
            pytest.raises(Refusal, match=r"unsupported Kubernetes version 1\.99"),
        ):
            made.call("eks", "create_cluster", name="x", roleArn=ROLE, version="1.99", resourcesVpcConfig={})


class TestClusterLife:
    def test_refuse_deletion_while_they_are_protected(self) -> None:
        with deployed("inference", without_workloads) as made:
            for name in made.call("eks", "list_nodegroups", **CLUSTER)["nodegroups"]:
                made.call("eks", "delete_nodegroup", **CLUSTER, nodegroupName=name)
            SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=15))
            with pytest.raises(Refusal, match="deletion protection"):
                made.call("eks", "delete_cluster", name="inference")

    def test_take_the_next_minor_version(self) -> None:
        with deployed("dev", without_workloads) as made:
            update = made.call("eks", "update_cluster_version", name="dev", version="1.36")["update"]
            assert made.call("eks", "describe_cluster", name="dev")["cluster"]["version"] == "1.36"
            found = made.call("eks", "describe_update", name="dev", updateId=update["id"])["update"]
            assert found["status"] == "Successful"
            assert update["id"] in made.call("eks", "list_updates", name="dev")["updateIds"]


class TestAddons:
    def test_come_with_their_roles_and_go_with_them(self, standing: DeployedEnvironment) -> None:
        call = standing.call
        association = {"serviceAccount": "ebs-csi-controller-sa", "roleArn": ROLE}
        given = {"addonName": "aws-ebs-csi-driver", "podIdentityAssociations": [association]}
        addon = call("eks", "create_addon", **CLUSTER, **given, configurationValues='{"a": 1}')["addon"]
        assert addon["status"] == "ACTIVE"
        accounts = {item["serviceAccount"] for item in self.associations(standing)}
        assert accounts == {"aws-node", "ebs-csi-controller-sa"}
        call("eks", "update_addon", **CLUSTER, addonName="aws-ebs-csi-driver", addonVersion="v1.50.0-eksbuild.1")
        told = call("eks", "describe_addon", **CLUSTER, addonName="aws-ebs-csi-driver")["addon"]
        assert told["addonVersion"] == "v1.50.0-eksbuild.1"
        assert told["configurationValues"] == '{"a": 1}'
        call("eks", "delete_addon", **CLUSTER, addonName="aws-ebs-csi-driver")
        assert {item["serviceAccount"] for item in self.associations(standing)} == {"aws-node"}

    def associations(self, made: DeployedEnvironment) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = made.call("eks", "list_pod_identity_associations", **CLUSTER)["associations"]
        return found

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"addonName": "vpc-cni"}, "already exists"),
            ({"addonName": "vpc-cmi"}, "not supported"),
            ({"addonName": "aws-efs-csi-driver", "configurationValues": "{"}, "not supported"),
        ],
    )
    def test_refuse(self, standing: DeployedEnvironment, given: dict[str, Any], message: str) -> None:
        with pytest.raises(Refusal, match=message):
            standing.call("eks", "create_addon", **CLUSTER, **given)


class TestAccess:
    def test_nodes_have_it_without_asking(self, standing: DeployedEnvironment) -> None:
        (entry,) = standing.call("eks", "list_access_entries", **CLUSTER)["accessEntries"]
        told = standing.call("eks", "describe_access_entry", **CLUSTER, principalArn=entry)["accessEntry"]
        assert told["type"] == "EC2_LINUX"

    def test_is_given_and_taken(self, standing: DeployedEnvironment) -> None:
        call, principal = standing.call, {**CLUSTER, "principalArn": ROLE}
        arn = call("eks", "create_access_entry", **principal, tags={"a": "1"})["accessEntry"]["accessEntryArn"]
        with pytest.raises(Refusal, match="already in use"):
            call("eks", "create_access_entry", **principal)
        policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
        call("eks", "associate_access_policy", **principal, policyArn=policy, accessScope={"type": "cluster"})
        (found,) = call("eks", "list_associated_access_policies", **principal)["associatedAccessPolicies"]
        assert found["policyArn"] == policy
        call("eks", "disassociate_access_policy", **principal, policyArn=policy)
        assert call("eks", "list_associated_access_policies", **principal)["associatedAccessPolicies"] == []
        call("eks", "tag_resource", resourceArn=arn, tags={"b": "2"})
        call("eks", "untag_resource", resourceArn=arn, tagKeys=["a"])
        assert call("eks", "list_tags_for_resource", resourceArn=arn)["tags"] == {"b": "2"}
        call("eks", "delete_access_entry", **principal)
        with pytest.raises(Refusal, match="could not be found"):
            call("eks", "describe_access_entry", **principal)

    def test_of_a_service_account_is_one(self, standing: DeployedEnvironment) -> None:
        given = {**CLUSTER, "namespace": "team", "serviceAccount": "jobs", "roleArn": ROLE}
        made = standing.call("eks", "create_pod_identity_association", **given)["association"]
        with pytest.raises(Refusal, match="already exists"):
            standing.call("eks", "create_pod_identity_association", **given)
        key = {**CLUSTER, "associationId": made["associationId"]}
        standing.call("eks", "update_pod_identity_association", **key, roleArn=f"{ROLE}2")
        told = standing.call("eks", "describe_pod_identity_association", **key)["association"]
        assert told["roleArn"] == f"{ROLE}2"
        standing.call("eks", "delete_pod_identity_association", **key)

    def test_a_capability_is_made_listed_and_deleted(self, standing: DeployedEnvironment) -> None:
        given = {"type": "ARGOCD", "roleArn": ROLE, "deletePropagationPolicy": "RETAIN"}
        key = {**CLUSTER, "capabilityName": "gitops"}
        standing.call("eks", "create_capability", **key, **given)
        assert standing.call("eks", "describe_capability", **key)["capability"]["status"] == "ACTIVE"
        assert len(standing.call("eks", "list_capabilities", **CLUSTER)["capabilities"]) == 1
        standing.call("eks", "delete_capability", **key)
        with pytest.raises(Refusal, match="No capability found"):
            standing.call("eks", "describe_capability", **key)


class TestLists:
    def test_come_in_pages(self, standing: DeployedEnvironment) -> None:
        first = standing.call("eks", "list_nodegroups", **CLUSTER, maxResults=2)
        rest = standing.call("eks", "list_nodegroups", **CLUSTER, maxResults=2, nextToken=first["nextToken"])
        assert len([*first["nodegroups"], *rest["nodegroups"]]) == 3
        with pytest.raises(Refusal, match="Invalid pagination token"):
            standing.call("eks", "list_nodegroups", **CLUSTER, nextToken="nobody")
