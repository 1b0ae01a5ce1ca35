"""Probes of existing things against the embedded AWS: as the file says, otherwise, denied, and told at synthesis."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.doctor_world import Guard, guarded
from helpers.rehearsal_site import FIXTURES
from ultrafleet.cli.asked_account import AskedAccount
from ultrafleet.doctor import PROBES, Answers, Verdict, ask
from ultrafleet.doctor.policy import policy_document
from ultrafleet.doctor.synthesis import notes
from ultrafleet.environment import load_environment
from ultrafleet.rehearsal import calls
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ENVIRONMENT = load_environment(FIXTURES / "adopted-all.yaml")
PROBES_OF_EXISTING = [probe for probe in PROBES if probe.id.startswith("existing-")]
BY_ID = {probe.id: probe for probe in PROBES}
NOW = datetime(2026, 12, 1, 10, 30, tzinfo=UTC)
VPC, SUBNET, GROUP = (
    ENVIRONMENT.network.vpc_id,
    ENVIRONMENT.subnet("b300-b").subnet_id,
    ENVIRONMENT.network.efa_security_group_id,
)
ITSELF = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": GROUP}]}]
CLUSTER = "research"
ROLE = "research-nodes"
YES, NO, UNCLEAR = Verdict.YES, Verdict.NO, Verdict.UNCLEAR
Arrange = Callable[[], object]


def client(service: str) -> Any:
    return calls.client(service, ENVIRONMENT.account, ENVIRONMENT.region)


def cluster() -> Any:
    return SIMULATED_ACCOUNT.part(Eks, ENVIRONMENT.account, ENVIRONMENT.region).clusters[CLUSTER]


def described(**changed: Any) -> Arrange:
    return lambda: cluster().described.update(changed)


def reach(**changed: Any) -> Arrange:
    return lambda: cluster().described["resourcesVpcConfig"].update(changed)


def addon(name: str, **changed: Any) -> Arrange:
    return lambda: cluster().addons[name].update(changed)


def without_addon(name: str) -> Arrange:
    return lambda: cluster().addons.pop(name)


def new_addon(**tags: str) -> Arrange:
    return lambda: client("eks").create_addon(
        clusterName=CLUSTER, addonName="cert-manager", tags={key.replace("_", ":"): tag for key, tag in tags.items()}
    )


def gone(service: str, operation: str, **given: Any) -> Arrange:
    return lambda: getattr(client(service), operation)(**given)


def in_ec2(name: str, **changed: Any) -> Arrange:
    """Another answer about a subnet."""

    def arrange() -> None:
        from moto.ec2.models import ec2_backends  # noqa: PLC0415

        subnet = ec2_backends[ENVIRONMENT.account][ENVIRONMENT.region].get_subnet(name)
        for key, value in changed.items():
            setattr(subnet, key, value)

    return arrange


def detached(name: str) -> Arrange:
    return gone("iam", "detach_role_policy", RoleName=ROLE, PolicyArn=f"arn:aws:iam::aws:policy/{name}")


def attached(name: str) -> Arrange:
    return gone("iam", "attach_role_policy", RoleName=ROLE, PolicyArn=f"arn:aws:iam::aws:policy/{name}")


def each(*arranged: Arrange) -> Arrange:
    return lambda: [arrange() for arrange in arranged]


UNCHANGED: Arrange = lambda: None  # noqa: E731 - as the others
NOBODY = '{"Version": "2012-10-17", "Statement": []}'
CASES: list[tuple[str, str, Arrange, Verdict, str]] = [
    ("existing-vpc", "VPC", UNCHANGED, YES, r"10\.96\.0\.0/16, 100\.64\.0\.0/16, with DNS support and hostnames"),
    (
        "existing-vpc",
        "VPC",
        gone("ec2", "modify_vpc_attribute", VpcId=VPC, EnableDnsHostnames={"Value": False}),
        NO,
        "enableDnsHostnames is off",
    ),
    ("existing-subnet", "b300-b", UNCHANGED, YES, r"10\.96\.16\.0/24 in us-east-1b, 251 addresses are free"),
    (
        "existing-subnet",
        "b300-b",
        in_ec2(str(SUBNET), _availability_zone=SimpleNamespace(name="us-east-1c", zone_id="use1-az9")),
        NO,
        "AvailabilityZone is",
    ),
    ("existing-subnet", "b300-b", in_ec2(str(SUBNET), cidr_block="10.96.17.0/24"), NO, "CidrBlock is 10.96.17"),
    ("existing-subnet", "b300-b", in_ec2(str(SUBNET), vpc_id="vpc-1"), NO, "VpcId is vpc-1"),
    ("existing-subnet", "b300-b", in_ec2(str(SUBNET), _available_ip_addresses=191), NO, "^191 of its addresses"),
    ("existing-efa-group", "sg-", UNCHANGED, YES, "in from itself and out to itself"),
    (
        "existing-efa-group",
        "sg-",
        gone("ec2", "revoke_security_group_egress", GroupId=GROUP, IpPermissions=ITSELF),
        NO,
        "no rule lets all traffic out to itself",
    ),
    (
        "existing-efa-group",
        "sg-",
        gone("ec2", "revoke_security_group_ingress", GroupId=GROUP, IpPermissions=ITSELF),
        NO,
        "no rule lets all traffic in from itself",
    ),
    ("existing-efa-group", "sg-", gone("ec2", "delete_security_group", GroupId=GROUP), NO, "EC2 has no sg-"),
    ("existing-cluster", "EKS cluster", UNCHANGED, YES, "version 1.35, accessConfig.authenticationMode API_AND"),
    ("existing-cluster", "EKS cluster", described(status="CREATING"), NO, "its status is CREATING"),
    ("existing-cluster", "EKS cluster", described(version="1.34"), NO, "its version is 1.34"),
    ("existing-cluster", "EKS cluster", described(accessConfig={}), NO, "authenticationMode is CONFIG_MAP"),
    ("existing-cluster", "EKS cluster", reach(clusterSecurityGroupId="sg-1"), NO, "SecurityGroupId is sg-1"),
    ("existing-cluster", "EKS cluster", lambda: cluster().described.update(name="x"), YES, "version"),
    ("existing-cluster", "private endpoint", UNCHANGED, YES, "is true"),
    ("existing-cluster", "private endpoint", reach(endpointPrivateAccess=False), NO, "is false"),
    ("existing-addon", "vpc-cni", addon("vpc-cni", addonVersion="v1.21.1-eksbuild.7"), YES, "^v1.21.1"),
    ("existing-addon", "vpc-cni", addon("vpc-cni", addonVersion="v1.10.0-eksbuild.1"), NO, "^v1.10.0"),
    ("existing-addon", "vpc-cni", without_addon("vpc-cni"), UNCLEAR, "no managed add-on"),
    ("existing-addon", "eks-pod-identity-agent", UNCHANGED, YES, "^v1"),
    ("existing-addon", "eks-pod-identity-agent", without_addon("eks-pod-identity-agent"), NO, "doesn't have it"),
    ("existing-addon", "cert-manager", UNCHANGED, YES, "doesn't have it yet"),
    ("existing-addon", "cert-manager", new_addon(), NO, "the cluster has v1"),
    (
        "existing-addon",
        "cert-manager",
        new_addon(**{"aws_cloudformation_stack-name": "adopted-all-system"}),
        YES,
        "of stack adopted-all-system",
    ),
    ("existing-node-role", ROLE, attached("AmazonEKSWorkerNodePolicy"), YES, "AmazonEKSWorkerNodePolicy"),
    ("existing-node-role", ROLE, UNCHANGED, UNCLEAR, "doesn't allow ec2:DescribeInstances"),
    ("existing-node-role", ROLE, detached("AmazonEC2ContainerRegistryPullOnly"), UNCLEAR, "not AmazonEC2Container"),
    (
        "existing-node-role",
        ROLE,
        gone(
            "iam",
            "update_assume_role_policy",
            RoleName=ROLE,
            PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
            '"Principal":{"Service":"lambda.amazonaws.com"}}]}',
        ),
        NO,
        "doesn't name ec2.amazonaws.com",
    ),
    (
        "existing-node-role",
        ROLE,
        each(
            detached("AmazonEC2ContainerRegistryPullOnly"),
            detached("AmazonEKSWorkerNodeMinimalPolicy"),
            gone("iam", "delete_role", RoleName=ROLE),
        ),
        NO,
        "no such role",
    ),
    ("existing-log-group", "/host", UNCHANGED, YES, "it is there"),
    (
        "existing-log-group",
        "/host",
        gone("logs", "delete_log_group", logGroupName=f"/aws/containerinsights/{CLUSTER}/host"),
        NO,
        "no such group",
    ),
]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[AskedAccount, Guard]]:
    """The account, an hour before the first block, with what exists in it."""
    with guarded(monkeypatch, ENVIRONMENT) as made, embedded_aws(ENVIRONMENT, now=NOW):
        yield made


@pytest.mark.parametrize(
    ("probe", "subject", "arrange", "verdict", "observed"),
    CASES,
    ids=[f"{probe}-{verdict}-{observed}" for probe, _, _, verdict, observed in CASES],
)
def test_a_probe_answers(
    world: tuple[AskedAccount, Guard], probe: str, subject: str, arrange: Arrange, verdict: Verdict, observed: str
) -> None:
    arrange()
    (question,) = [item for item in BY_ID[probe].questions(ENVIRONMENT) if subject in item.subject]
    answer = ask(question, world[0])
    assert answer is not None
    assert answer.verdict is verdict, answer
    assert re.search(observed, answer.observed), answer.observed
    assert answer.remedy or verdict is YES


def test_every_probe_has_a_yes_and_a_no() -> None:
    for verdict in (YES, NO):
        assert {case[0] for case in CASES if case[3] is verdict} == {probe.id for probe in PROBES_OF_EXISTING}


def test_the_printed_policy_is_enough(world: tuple[AskedAccount, Guard]) -> None:
    account, guard = world
    guard.document = policy_document(ENVIRONMENT, probes=PROBES_OF_EXISTING)
    for probe in PROBES_OF_EXISTING:
        for question in probe.questions(ENVIRONMENT):
            answer = ask(question, account)
            assert answer is not None
            assert answer.verdict is not Verdict.DENIED, answer


@pytest.mark.parametrize("probe", PROBES_OF_EXISTING, ids=lambda probe: probe.id)
def test_a_probe_is_denied_without_a_permission(world: tuple[AskedAccount, Guard], probe: Any) -> None:
    account, guard = world
    guard.refused = {permission.action for permission in probe.permissions}
    answer = ask(next(iter(probe.questions(ENVIRONMENT))), account)
    assert answer is not None
    assert answer.verdict is Verdict.DENIED


@pytest.mark.parametrize(
    ("arrange", "verdict", "observed"),
    [
        (UNCHANGED, YES, "through nat-"),
        (lambda: _routed("igw"), NO, "goes to igw-.*no public address"),
        (lambda: _routed(None), NO, "no endpoints for ec2, ecr.api"),
    ],
)
def test_ways_out_of_an_existing_subnet(
    world: tuple[AskedAccount, Guard], arrange: Arrange, verdict: Verdict, observed: str
) -> None:
    arrange()
    (question,) = [item for item in BY_ID["egress"].questions(ENVIRONMENT) if "b300-b" in item.subject]
    answer = ask(question, world[0])
    assert answer is not None
    assert answer.verdict is verdict, answer
    assert re.search(observed, answer.observed), answer.observed


def _routed(target: str | None) -> None:
    """Give the subnet another default route, or none."""
    ec2 = client("ec2")
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [SUBNET]}])["RouteTables"]
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    if target is not None:
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=VPC)
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def test_what_theirs_must_provide_is_told_at_synthesis() -> None:
    told = {note.id: note.text for note in notes(ENVIRONMENT, Answers())}
    assert f"VPC {VPC}" in told["existing"]
    assert "EKS cluster research" in told["existing"]
    assert "lets all traffic in from itself and out to itself" in told["existing-unverified"]
    assert "`ultrafleet doctor adopted-all` checks it" in told["existing-unverified"]
    assert "ENABLE_PREFIX_DELEGATION" in told["existing-network-add-on"]
