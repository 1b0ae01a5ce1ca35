"""A team that trains: rights, buckets, queue, file system; and the acceptance of pools."""

import json
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from helpers.common import resources_of
from helpers.fleet import Site
from helpers.workloads import b300, rack, trainium
from ultrafleet.cluster import ImportedCluster
from ultrafleet.delivery import KubectlDelivery
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.kubernetes import UNPROVEN_TAINT, PoolNodes
from ultrafleet.kubernetes.network_devices import EfaDriver
from ultrafleet.rules.lustre import EFA_STORAGE_STEP_GIB, validate_lustre_capacity
from ultrafleet.training import GateSettings, LustreFileSystem, PoolAcceptance, TrainingTeam

MANIFEST = "Custom::AWSCDK-EKS-KubernetesResource"
MEMBER = "arn:aws:iam::111122223333:role/pretraining"


def objects(template: Template) -> dict[str, dict[str, Any]]:
    """Delivered objects by kind; what AWS makes up is left as a word."""
    found = {}
    for item in resources_of(template, MANIFEST).values():
        text = item["Properties"]["Manifest"]
        if isinstance(text, dict):
            text = "".join(part if isinstance(part, str) else "made-up" for part in text["Fn::Join"][1])
        (made,) = json.loads(text)
        found[made["kind"]] = made
    return found


def team(stack: cdk.Stack, delivery: KubectlDelivery, **changed: Any) -> TrainingTeam:
    given: dict[str, Any] = {"cluster": ImportedCluster(cluster_name="prod"), "team_name": "pretraining"}
    return TrainingTeam(stack, "Team", delivery=delivery, **{**given, **changed})


def lustre(site: Site, **changed: Any) -> LustreFileSystem:
    given: dict[str, Any] = {"subnet": site.regular, "security_groups": [site.efa], "capacity_gib": 4800}
    return LustreFileSystem(site.stack, "Lustre", **{**given, **changed})


def accepting(pool: PoolNodes) -> PoolNodes:
    return replace(pool, startup_taints=(UNPROVEN_TAINT,))


class TestTrainingTeam:
    def test_jobs_write_checkpoints_and_read_data_and_nothing_else(
        self, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        team(stack, delivery, data_buckets=[s3.Bucket.from_bucket_name(stack, "Data", "data")])
        (role,) = resources_of(Template.from_stack(stack), "AWS::IAM::Role").values()
        (policy,) = role["Properties"]["Policies"]
        statements = policy["PolicyDocument"]["Statement"]
        writes = [item for item in statements if "s3:PutObject" in item["Action"]]
        assert len(writes) == 1
        assert "TeamCheckpoints" in json.dumps(writes[0]["Resource"])
        assert ":s3:::data" not in json.dumps(writes)
        assert {action.split(":")[0] for item in statements for action in _list(item["Action"])} == {"s3"}

    def test_only_this_clusters_account_takes_the_role(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        team(stack, delivery)
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::IAM::Role",
            {
                "AssumeRolePolicyDocument": {
                    "Statement": [
                        Match.object_like(
                            {
                                "Principal": {"Service": "pods.eks.amazonaws.com"},
                                "Condition": {
                                    "StringEquals": Match.object_like(
                                        {
                                            "aws:RequestTag/kubernetes-namespace": "pretraining",
                                            "aws:RequestTag/kubernetes-service-account": "training",
                                        }
                                    )
                                },
                            }
                        )
                    ]
                }
            },
        )
        template.has_resource_properties(
            "AWS::EKS::PodIdentityAssociation",
            {"ClusterName": "prod", "Namespace": "pretraining", "ServiceAccount": "training"},
        )

    def test_the_bucket_is_private_encrypted_and_outlives_the_stack(
        self, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        team(stack, delivery)
        template = Template.from_stack(stack)
        template.has_resource("AWS::S3::Bucket", {"DeletionPolicy": "RetainExceptOnCreate"})
        template.has_resource_properties(
            "AWS::S3::Bucket",
            {
                "BucketEncryption": Match.any_value(),
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "VersioningConfiguration": {"Status": "Enabled"},
            },
        )
        template.has_resource_properties(
            "AWS::S3::BucketPolicy",
            {
                "PolicyDocument": {
                    "Statement": Match.array_with(
                        [Match.object_like({"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})]
                    )
                }
            },
        )

    def test_a_bucket_of_the_callers_is_used(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        own = s3.Bucket.from_bucket_name(stack, "Own", "own")
        assert team(stack, delivery, checkpoint_bucket=own).checkpoint_bucket is own
        Template.from_stack(stack).resource_count_is("AWS::S3::Bucket", 0)

    def test_members_are_in_the_group_that_the_role_binding_names(
        self, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        team(stack, delivery, member_role_arns=[MEMBER])
        template = Template.from_stack(stack)
        (entry,) = resources_of(template, "AWS::EKS::AccessEntry").values()
        assert entry["Properties"]["PrincipalArn"] == MEMBER
        assert "AccessPolicies" not in entry["Properties"]
        (subject,) = objects(template)["RoleBinding"]["subjects"]
        assert entry["Properties"]["KubernetesGroups"] == [subject["name"]]

    def test_members_can_not_change_queues_roles_or_identities(
        self, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        team(stack, delivery)
        for rule in objects(Template.from_stack(stack))["Role"]["rules"]:
            assert "*" not in rule["verbs"]
            if {"rbac.authorization.k8s.io", "kueue.x-k8s.io", "resource.k8s.io"} & set(rule["apiGroups"]):
                assert set(rule["verbs"]) <= {"get", "list", "watch"}
            assert "serviceaccounts" not in rule["resources"]

    def test_a_file_system_is_a_volume_that_no_other_claim_takes(
        self, stack: cdk.Stack, site: Site, delivery: KubectlDelivery
    ) -> None:
        team(stack, delivery, file_system=lustre(site))
        found = objects(Template.from_stack(stack))
        volume, claim = found["PersistentVolume"], found["PersistentVolumeClaim"]
        assert volume["spec"]["claimRef"] == {"namespace": "pretraining", "name": "lustre"}
        assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
        assert volume["spec"]["capacity"] == claim["spec"]["resources"]["requests"] == {"storage": "4800Gi"}

    def test_priorities_are_where_the_admission_policy_looks_for_them(
        self, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        team(stack, delivery, priorities=["training", "opportunistic"])
        metadata = objects(Template.from_stack(stack))["Namespace"]["metadata"]
        assert metadata["annotations"] == {"ultrafleet/priorities": "training,opportunistic"}
        assert metadata["labels"]["ultrafleet/team"] == "pretraining"

    @pytest.mark.parametrize(("priorities", "got"), [([], "empty"), (["training", "urgent"], "urgent")])
    def test_fails_on_priorities_that_queues_do_not_have(
        self, stack: cdk.Stack, delivery: KubectlDelivery, priorities: list[str], got: str
    ) -> None:
        with pytest.raises(FleetError, match=f"priorities is {got}, expected one or more of training-urge"):
            team(stack, delivery, priorities=priorities)

    @pytest.mark.parametrize("name", ["Pre Training", "p" * 41, "-a"])
    def test_fails_on_a_name_that_kubernetes_does_not_take(
        self, stack: cdk.Stack, delivery: KubectlDelivery, name: str
    ) -> None:
        with pytest.raises(FleetError, match=r"team name is .*, expected up to 40 lower-case letters"):
            team(stack, delivery, team_name=name)

    def test_minimal_snapshot(
        self, stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion
    ) -> None:
        team(stack, delivery)
        assert Template.from_stack(stack).to_json() == snapshot_json

    def test_maximal_snapshot(
        self, stack: cdk.Stack, site: Site, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion
    ) -> None:
        data = s3.Bucket.from_bucket_name(stack, "Data", "data")
        team(
            stack,
            delivery,
            workload="research",
            member_role_arns=[MEMBER],
            data_buckets=[data],
            file_system=lustre(site, data_repository=data, data_prefix="corpus", export_to_bucket=True, efa=True),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        assert Template.from_stack(stack).to_json() == snapshot_json


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


class TestLustreFileSystem:
    def test_efa_with_metadata_and_the_nodes_groups(self, site: Site) -> None:
        lustre(site, efa=True)
        Template.from_stack(site.stack).has_resource_properties(
            "AWS::FSx::FileSystem",
            {
                "FileSystemType": "LUSTRE",
                "SecurityGroupIds": ["sg-efa"],
                "SubnetIds": ["subnet-regular"],
                "LustreConfiguration": Match.object_like(
                    {"EfaEnabled": True, "MetadataConfiguration": {"Mode": "AUTOMATIC"}}
                ),
            },
        )

    def test_a_bucket_stands_behind_data(self, site: Site) -> None:
        lustre(site, data_repository=s3.Bucket.from_bucket_name(site.stack, "Data", "data"), data_prefix="corpus/")
        Template.from_stack(site.stack).has_resource_properties(
            "AWS::FSx::DataRepositoryAssociation",
            {"FileSystemPath": "/data", "DataRepositoryPath": "s3://data/corpus"},
        )

    def test_nothing_that_a_job_does_reaches_the_bucket_unless_it_is_asked_for(self, site: Site) -> None:
        data = s3.Bucket.from_bucket_name(site.stack, "Data", "data")
        lustre(site, data_repository=data)
        (link,) = resources_of(Template.from_stack(site.stack), "AWS::FSx::DataRepositoryAssociation").values()
        assert link["Properties"]["S3"] == {"AutoImportPolicy": {"Events": ["NEW", "CHANGED", "DELETED"]}}

    def test_an_export_never_deletes(self, site: Site) -> None:
        data = s3.Bucket.from_bucket_name(site.stack, "Data", "data")
        lustre(site, data_repository=data, export_to_bucket=True)
        (link,) = resources_of(Template.from_stack(site.stack), "AWS::FSx::DataRepositoryAssociation").values()
        assert link["Properties"]["S3"]["AutoExportPolicy"] == {"Events": ["NEW", "CHANGED"]}

    def test_efa_is_off_where_nobody_says_that_nodes_have_a_client(self, site: Site) -> None:
        lustre(site)
        template = Template.from_stack(site.stack)
        template.has_resource_properties("AWS::FSx::FileSystem", {"LustreConfiguration": {"EfaEnabled": False}})
        Annotations.from_stack(site.stack).has_no_info("*", Match.string_like_regexp("Lustre client with EFA"))

    def test_efa_says_what_nodes_need(self, site: Site) -> None:
        lustre(site, efa=True)
        Annotations.from_stack(site.stack).has_info("*", Match.string_like_regexp("Lustre client with EFA"))

    def test_outlives_the_stack(self, site: Site) -> None:
        lustre(site)
        Template.from_stack(site.stack).has_resource("AWS::FSx::FileSystem", {"DeletionPolicy": "RetainExceptOnCreate"})

    def test_a_capacity_that_is_only_known_at_deployment_is_left_to_fsx(self, site: Site) -> None:
        parameter = cdk.CfnParameter(site.stack, "Capacity", type="Number")
        lustre(site, capacity_gib=parameter.value_as_number)

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            (
                {"capacity_gib": 5000, "efa": True},
                "capacity_gib is 5000 with EFA at 1000 MB/s per TiB, expected a multiple of 4800: ch",
            ),
            (
                {"capacity_gib": 2400, "throughput_mbps_per_tib": 125, "efa": True},
                "expected a multiple of 38400: choose 38400",
            ),
            ({"export_to_bucket": True}, "export_to_bucket is true without a data_repository, expected the bucket"),
            ({"throughput_mbps_per_tib": 200}, "throughput_mbps_per_tib is 200, expected 125, 250, 500, 1000"),
            (
                {"capacity_gib": 1300, "efa": False},
                "capacity_gib is 1300, expected 1200 or a multiple of 2400: choose 2400",
            ),
            ({"security_groups": []}, "security_groups is empty, expected the nodes' groups"),
        ],
    )
    def test_fails_on(self, site: Site, changed: dict[str, Any], message: str) -> None:
        with pytest.raises(FleetError, match=message):
            lustre(site, **changed)

    def test_fails_in_a_local_zone(self, site: Site) -> None:
        with pytest.raises(FleetError, match="is in the Local Zone us-east-1-dfw-2a, expected an Availability Zone"):
            lustre(site, subnet=site.dallas)

    @given(
        capacity=st.integers(1, 200_000), throughput=st.sampled_from(sorted(EFA_STORAGE_STEP_GIB)), efa=st.booleans()
    )
    def test_what_the_error_says_to_choose_is_accepted(self, capacity: int, throughput: int, efa: bool) -> None:
        try:
            validate_lustre_capacity(capacity, throughput_mbps_per_tib=throughput, efa=efa)
        except FleetError as error:
            chosen = int(str(error).rsplit(" ", maxsplit=1)[1])
            assert chosen >= capacity
            validate_lustre_capacity(chosen, throughput_mbps_per_tib=throughput, efa=efa)


class TestPoolAcceptance:
    def accept(self, stack: cdk.Stack, delivery: KubectlDelivery, **changed: Any) -> dict[str, dict[str, Any]]:
        given: dict[str, Any] = {"pools": [accepting(rack())], "image": "registry.example/nccl-tests:1"}
        PoolAcceptance(stack, "Acceptance", delivery=delivery, **{**given, **changed})
        return {f"{item['kind']}/{item['metadata']['name']}": dict(item) for item in delivery.manifests}

    def pools(self, found: dict[str, dict[str, Any]]) -> dict[str, Any]:
        data = found["ConfigMap/acceptance-gate"]["data"]
        return {key: json.loads(text) for key, text in data.items()}

    def test_the_gate_knows_each_tested_pool(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        pools = [accepting(rack()), accepting(b300()), trainium()]
        floors = {"b300": {"efa": 300}}
        found = self.pools(
            self.accept(stack, delivery, pools=pools, floors_gbs=floors, usd_per_node_hour={"rack-a": 42.28})
        )
        assert set(found) == {"settings", "pool.rack-a", "pool.b300"}
        assert found["settings"] == {"waitMinutes": 15, "runMinutes": 90, "keepHours": 24}
        assert found["pool.rack-a"]["nodesPerGroup"] == 18
        assert found["pool.rack-a"]["usdPerNodeHour"] == 42.28
        assert found["pool.b300"]["usdPerNodeHour"] is None
        assert "--floor=efa=300" in json.dumps(found["pool.b300"]["template"])
        kinds = [item["kind"] for item in found["pool.rack-a"]["template"]["manifests"]]
        assert kinds == ["ComputeDomain", "TrainingRuntime", "TrainJob"]

    @pytest.mark.parametrize("driver", EfaDriver)
    def test_runs_find_the_template_of_their_claims(
        self, stack: cdk.Stack, delivery: KubectlDelivery, driver: EfaDriver
    ) -> None:
        pools = [accepting(rack(efa_driver=driver)), trainium(efa_driver=driver)]
        found = self.accept(stack, delivery, pools=pools)
        claimed = {"ResourceClaimTemplate/efa-4"} if driver is EfaDriver.DRA else set()
        assert {key for key in found if key.startswith("ResourceClaimTemplate")} == claimed
        assert ("efa-4" in json.dumps(self.pools(found)["pool.rack-a"])) is bool(claimed)

    def test_nothing_is_tested_until_the_gate_says_so(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        assert not any(key.startswith(("TrainJob", "TrainingRuntime")) for key in self.accept(stack, delivery))

    def test_a_pool_may_have_an_image_of_its_own(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        found = self.pools(
            self.accept(
                stack,
                delivery,
                pools=[accepting(rack()), accepting(b300())],
                floors_gbs={"b300": {"efa": 300}},
                images={"b300": "registry.example/x86:1"},
            )
        )
        assert "registry.example/x86:1" in json.dumps(found["pool.b300"])
        assert "registry.example/x86:1" not in json.dumps(found["pool.rack-a"])

    def test_fails_with_an_image_of_no_pool(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        with pytest.raises(FleetError, match="images is rack-z, expected tested pools: rack-a"):
            self.accept(stack, delivery, images={"rack-z": "registry.example/x86:1"})

    def test_fails_with_a_floor_of_no_pool(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        with pytest.raises(FleetError, match="floors_gbs is rack-z, expected pools: rack-a: name one of them"):
            self.accept(stack, delivery, floors_gbs={"rack-z": {"nvlink": 700}})

    def test_the_gate_runs_once_a_minute_alone_and_unprivileged(
        self, stack: cdk.Stack, delivery: KubectlDelivery
    ) -> None:
        spec = self.accept(stack, delivery, gate=GateSettings(image="registry.example/python:3.13"))[
            "CronJob/acceptance-gate"
        ]["spec"]
        assert (spec["schedule"], spec["concurrencyPolicy"]) == ("* * * * *", "Forbid")
        job = spec["jobTemplate"]["spec"]
        assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (0, 300)
        pod = job["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"] == "registry.example/python:3.13"
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert "tolerations" not in pod

    def test_the_gate_s_rights_are_nodes_runs_and_events(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        found = self.accept(stack, delivery)
        roles = [item for key, item in found.items() if key.startswith(("Role/acceptance-gate", "ClusterRole/"))]
        rights = {
            (resource, verb)
            for role in roles
            for rule in role["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        assert {verb for resource, verb in rights if resource == "nodes"} == {"list", "patch"}
        assert not {resource for resource, _ in rights} & {"secrets", "pods", "*"}
        policy = found["ValidatingAdmissionPolicy/acceptance-gate"]["spec"]
        assert policy["failurePolicy"] == "Fail"
        assert len(policy["validations"]) == 5

    def test_fails_a_pool_whose_new_nodes_take_jobs(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        with pytest.raises(FleetError, match="startup_taints of pool rack-a is"):
            self.accept(stack, delivery, pools=[rack()])

    def test_fails_where_nobody_publishes_a_floor(self, stack: cdk.Stack, delivery: KubectlDelivery) -> None:
        with pytest.raises(
            UnknownFactError, match=r"no floor is published for p6-b300.48xlarge over efa, expected one"
        ):
            self.accept(stack, delivery, pools=[accepting(b300())])

    def test_minimal_snapshot(
        self, stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion
    ) -> None:
        self.accept(stack, delivery)
        template = Template.from_stack(stack).to_json()
        # The parser is a file of the library's, held to itself by its own tests.
        kept = {key: value for key, value in template["Resources"].items() if "ConfigMap" not in key}
        assert kept == snapshot_json

    def test_maximal_snapshot(
        self, stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion
    ) -> None:
        self.accept(
            stack,
            delivery,
            pools=[accepting(rack()), accepting(b300()), trainium()],
            floors_gbs={"rack-a": {"nvlink": 700, "efa": 150}, "b300": {"efa": 300}},
        )
        template = Template.from_stack(stack).to_json()
        kept = {key: value for key, value in template["Resources"].items() if "ConfigMap" not in key}
        assert kept == snapshot_json
