"""A model that is served, with everything of AWS that it needs."""

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template
from syrupy.assertion import SnapshotAssertion

from helpers.common import resources_of
from helpers.workloads import serving
from ultrafleet.cluster import ImportedCluster
from ultrafleet.delivery import KubectlDelivery
from ultrafleet.errors import FleetError
from ultrafleet.inference import GatewayClient, ModelEndpoint

MANIFEST = "Custom::AWSCDK-EKS-KubernetesResource"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-0000-0000-000000000000"


def endpoint(stack: cdk.Stack, delivery: KubectlDelivery, **changed: Any) -> ModelEndpoint:
    given: dict[str, Any] = {
        "cluster": ImportedCluster(cluster_name="prod", cluster_security_group_id="sg-cluster"),
        "vpc": ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-east-1a"]),
        "serving": serving(),
        "subnets": ["subnet-1"],
        "certificate_arn": CERTIFICATE,
    }
    return ModelEndpoint(stack, "Endpoint", delivery=delivery, **{**given, **changed})


def statements(template: Template, who: str) -> list[dict[str, Any]]:
    (role,) = [item for key, item in resources_of(template, "AWS::IAM::Role").items() if who in key]
    (policy,) = role["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def objects(template: Template) -> list[dict[str, Any]]:
    return [json.loads(item["Properties"]["Manifest"])[0] for item in resources_of(template, MANIFEST).values()]


def test_the_pods_that_copy_read_the_weights_and_servers_have_no_rights(
    stack: cdk.Stack, delivery: KubectlDelivery
) -> None:
    created = endpoint(stack, delivery)
    template = Template.from_stack(stack)
    listing, reading = statements(template, "Weights")
    associations = [item["Properties"] for item in resources_of(template, "AWS::EKS::PodIdentityAssociation").values()]
    assert {(item["Namespace"], item["ServiceAccount"]) for item in associations} == {
        ("gpt-oss-120b-weights", "default"),
        ("gpt-oss-120b", "gateway"),
    }
    assert created.weights_role.role_name
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["gpt-oss-120b/*", "gpt-oss-120b"]}}
    assert reading["Action"] == "s3:GetObject"
    assert reading["Resource"] == "arn:aws:s3:::weights/gpt-oss-120b/*"


def test_the_gateway_may_invoke_one_model_in_one_region(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    endpoint(stack, delivery, bedrock_region="us-west-2")
    template = Template.from_stack(stack)
    key, bedrock = statements(template, "Gateway")
    assert key["Action"] == "secretsmanager:GetSecretValue"
    assert set(bedrock["Action"]) == {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"}
    assert bedrock["Resource"] == "arn:aws:bedrock:us-west-2::foundation-model/openai.gpt-oss-120b-1:0"


def test_without_a_fallback_it_may_not(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    endpoint(stack, delivery)
    assert "bedrock" not in json.dumps(statements(Template.from_stack(stack), "Gateway"))


def test_ports_of_listener_gateway_and_security_groups_agree(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    endpoint(stack, delivery, client_cidrs=["10.0.0.0/16"])
    template = Template.from_stack(stack)
    made = objects(template)
    (service,) = [item for item in made if item["kind"] == "Service" and item["spec"].get("type") == "LoadBalancer"]
    (deployment,) = [item for item in made if item["kind"] == "Deployment"]
    (port,) = deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    (group,) = resources_of(template, "AWS::EC2::SecurityGroup").values()
    (clients,) = group["Properties"]["SecurityGroupIngress"]
    assert clients["FromPort"] == clients["ToPort"] == service["spec"]["ports"][0]["port"] == 443
    (out,) = group["Properties"]["SecurityGroupEgress"]
    assert out["FromPort"] == out["ToPort"] == port["containerPort"]
    template.has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {"GroupId": "sg-cluster", "FromPort": port["containerPort"], "ToPort": port["containerPort"]},
    )
    (tag,) = group["Properties"]["Tags"]
    assert (
        service["metadata"]["annotations"]["service.beta.kubernetes.io/aws-load-balancer-security-groups"]
        == tag["Value"]
    )


def test_nobody_reaches_it_unless_it_is_said(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    endpoint(stack, delivery)
    (group,) = resources_of(Template.from_stack(stack), "AWS::EC2::SecurityGroup").values()
    assert not group["Properties"].get("SecurityGroupIngress")


def test_pods_wait_for_their_identities_and_the_key(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    endpoint(stack, delivery)
    template = Template.from_stack(stack)
    identities = {
        item["Properties"]["ServiceAccount"]: name
        for name, item in resources_of(template, "AWS::EKS::PodIdentityAssociation").items()
    }
    (key,) = resources_of(template, "AWS::SecretsManager::Secret")
    needed = {"Deployment": {identities["gateway"], key}, "DaemonSet": {identities["default"]}}
    found = {}
    for item in resources_of(template, MANIFEST).values():
        (made,) = json.loads(item["Properties"]["Manifest"])
        if made["kind"] in needed:
            assert needed[made["kind"]] <= set(item["DependsOn"])
            found[made["kind"]] = made
    assert set(found) == set(needed)


def test_the_gateway_reads_the_secret_that_the_template_makes(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    endpoint(stack, delivery)
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::SecretsManager::Secret",
        {"Name": "prod-gpt-oss-120b-client-default", "GenerateSecretString": Match.any_value()},
    )
    (deployment,) = [item for item in objects(template) if item["kind"] == "Deployment"]
    (init,) = deployment["spec"]["template"]["spec"]["initContainers"]
    assert "for client in default;" in init["command"][-1]
    assert '--secret-id "prod-gpt-oss-120b-client-$client"' in init["command"][-1]


def test_each_client_has_a_key_and_the_gateway_reads_them_all(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    endpoint(stack, delivery, clients=[GatewayClient(name="chat"), GatewayClient(name="batch")])
    template = Template.from_stack(stack)
    secrets = resources_of(template, "AWS::SecretsManager::Secret")
    assert {item["Properties"]["Name"] for item in secrets.values()} == {
        "prod-gpt-oss-120b-client-chat",
        "prod-gpt-oss-120b-client-batch",
    }
    (keys,) = statements(template, "Gateway")
    assert sorted(item["Ref"] for item in keys["Resource"]) == sorted(secrets)


def test_fails_to_grant_the_key_of_nobody(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    created = endpoint(stack, delivery)
    with pytest.raises(FleetError, match="client is 'chat', expected one of default: pass it in clients"):
        created.grant_read_client_key("chat", iam.AccountRootPrincipal())


def test_a_weights_bucket_of_the_callers(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    own = s3.Bucket.from_bucket_arn(stack, "Own", "arn:aws-us-gov:s3:::weights")
    endpoint(stack, delivery, weights_bucket=own)
    assert "arn:aws-us-gov:s3:::weights/gpt-oss-120b/*" in json.dumps(statements(Template.from_stack(stack), "Weights"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"certificate_arn": None}, "expected a certificate or plain_http=True: clients send their key"),
        ({"subnets": []}, "subnets is empty"),
        (
            {"cluster": ImportedCluster(cluster_name=cdk.Aws.STACK_NAME)},
            "cluster_name has a token, expected a plain value",
        ),
    ],
)
def test_fails_on(stack: cdk.Stack, delivery: KubectlDelivery, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        endpoint(stack, delivery, **changed)


def test_minimal_snapshot(stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion) -> None:
    endpoint(stack, delivery)
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_maximal_snapshot(stack: cdk.Stack, delivery: KubectlDelivery, snapshot_json: SnapshotAssertion) -> None:
    endpoint(
        stack,
        delivery,
        serving=serving(
            min_replicas=2, max_replicas=16, waiting_requests_per_replica=4, image="registry.example/vllm:1"
        ),
        client_cidrs=["10.0.0.0/16", "10.1.0.0/16"],
        certificate_arn=None,
        plain_http=True,
        bedrock_region="us-west-2",
        gateway_image="registry.example/envoy:1",
        translator_image="registry.example/litellm:1",
        clients=[GatewayClient(name="chat", requests_per_minute=600, fallback_requests_per_day=1000)],
        first_token_seconds=20,
        idle_seconds=90,
        total_seconds=600,
        tokens_per_second=400_000,
    )
    assert Template.from_stack(stack).to_json() == snapshot_json


def test_clients_connect_and_read_the_key(stack: cdk.Stack, delivery: KubectlDelivery) -> None:
    created = endpoint(stack, delivery)
    client = iam.Role(stack, "Client", assumed_by=iam.AccountRootPrincipal())
    created.grant_read_client_key("default", client)
    for network in ("10.7.0.0/16", "10.8.0.0/16"):
        created.connections.allow_default_port_from(ec2.Peer.ipv4(network))
    template = Template.from_stack(stack)
    for network in ("10.7.0.0/16", "10.8.0.0/16"):
        template.has_resource_properties("AWS::EC2::SecurityGroupIngress", {"CidrIp": network, "FromPort": 443})
    template.has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": Match.object_like(
                {"Statement": [Match.object_like({"Action": Match.array_with(["secretsmanager:GetSecretValue"])})]}
            ),
            "Roles": [{"Ref": Match.string_like_regexp("^Client")}],
        },
    )
