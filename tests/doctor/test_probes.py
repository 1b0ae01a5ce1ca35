"""Each probe against the embedded AWS, with every answer that AWS can give: yes, no, denied, unclear, and later."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, InstanceTypeBackend

from helpers.doctor_world import Guard, guarded
from helpers.preflight_world import content, environment_of
from helpers.rehearsal_site import DeployedEnvironment, deployed
from ultrafleet.catalog import limits
from ultrafleet.catalog.eks import AmiType, ami_release_parameter
from ultrafleet.cli.asked_account import AskedAccount
from ultrafleet.doctor import PROBES, Answer, Verdict, ask
from ultrafleet.doctor.probes import kernel_lines
from ultrafleet.environment import Environment
from ultrafleet.rehearsal import calls
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups
from ultrafleet.rehearsal.eks.api.addon_versions import AddonOffers
from ultrafleet.rehearsal.eks.rules.versions import WithdrawnVersions
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.questions.images import ImageReleases
from ultrafleet.rehearsal.questions.quotas import Quotas
from ultrafleet.rehearsal.questions.regions import Regions
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ENVIRONMENT = environment_of(content())
START = min(block.start for pool in ENVIRONMENT.pools for block in pool.capacity_blocks)
BLOCK = "cr-0aaaaaaaaaaaaaaa1"
BY_ID = {probe.id: probe for probe in PROBES}
P6E, P6 = "p6e-gb200.36xlarge", "p6-b300.48xlarge"
VERSION = ENVIRONMENT.cluster.kubernetes_version

Patch = pytest.MonkeyPatch
Arrange = Callable[[Patch], object]


def part(kind: Any) -> Any:
    """State of the embedded AWS."""
    return SIMULATED_ACCOUNT.part(kind, ENVIRONMENT.account, ENVIRONMENT.region)


def client(service: str) -> Any:
    """boto3 client whose calls nothing guards."""
    return calls.client(service, ENVIRONMENT.account, ENVIRONMENT.region)


def asked(probe_id: str, subject: str, account: AskedAccount, environment: Environment = ENVIRONMENT) -> Answer | None:
    (question,) = [item for item in BY_ID[probe_id].questions(environment) if subject in item.subject]
    return ask(question, account)


@pytest.fixture
def world(monkeypatch: Patch) -> Iterator[tuple[AskedAccount, Guard]]:
    """An account that bought its blocks, an hour before the first, in which nothing is deployed."""
    with guarded(monkeypatch, ENVIRONMENT) as made, embedded_aws(ENVIRONMENT, now=START - timedelta(hours=1)):
        yield made


def unchanged(_: Patch) -> None:
    """The embedded AWS as it is."""


def described(name: str) -> Any:
    """What DescribeInstanceTypes answers about a type."""
    (found,) = [item for item in InstanceTypeBackend.instance_types if item["InstanceType"] == name]
    return found


def network(name: str, **changed: Any) -> Arrange:
    """Another network part of a type's description; None takes a part away."""

    def arrange(monkeypatch: Patch) -> None:
        found = described(name)
        parts = {key: value for key, value in {**found["NetworkInfo"], **changed}.items() if value is not None}
        monkeypatch.setitem(found, "NetworkInfo", parts)

    return arrange


def cards(name: str, **changed: Any) -> Arrange:
    """Other facts of network card 0; None takes one away."""

    def arrange(monkeypatch: Patch) -> None:
        first, *others = described(name)["NetworkInfo"]["NetworkCards"]
        first = {key: value for key, value in {**first, **changed}.items() if value is not None}
        network(name, NetworkCards=[first, *others])(monkeypatch)

    return arrange


def without_type(name: str) -> Arrange:
    def arrange(monkeypatch: Patch) -> None:
        left = [item for item in InstanceTypeBackend.instance_types if item["InstanceType"] != name]
        monkeypatch.setattr(InstanceTypeBackend, "instance_types", left)

    return arrange


def offered(name: str, zone: str) -> Arrange:
    def arrange(monkeypatch: Patch) -> None:
        places = INSTANCE_TYPE_OFFERINGS["availability-zone"]
        more = {"InstanceType": name, "Location": zone, "LocationType": "availability-zone"}
        monkeypatch.setitem(places, "us-east-1", [*places["us-east-1"], more])

    return arrange


def not_offered(name: str) -> Arrange:
    def arrange(monkeypatch: Patch) -> None:
        places = INSTANCE_TYPE_OFFERINGS["availability-zone"]
        left = [item for item in places["us-east-1"] if item["InstanceType"] != name]
        monkeypatch.setitem(places, "us-east-1", left)

    return arrange


def quota(service: str, code: str, value: float) -> Arrange:
    return lambda _: part(Quotas).set(service, code, value)


def block(**changed: Any) -> Arrange:
    """Another reservation at EC2 than the file has."""

    def arrange(_: Patch) -> None:
        found = part(Reservations).by_id[BLOCK]
        for name, value in changed.items():
            assert hasattr(found, name)
            setattr(found, name, value)

    return arrange


def withdrawn(_: Patch) -> None:
    """EKS no longer offers the Kubernetes version."""
    part(WithdrawnVersions).names.add("1.35")


def no_block(_: Patch) -> None:
    del part(Reservations).by_id[BLOCK]


def release(value: str | None, kind: AmiType = AmiType.AL2023_ARM_64_NVIDIA) -> Arrange:
    return lambda _: part(ImageReleases).changed.update({ami_release_parameter(kind, VERSION): value})


def addon(name: str, *versions: str) -> Arrange:
    return lambda _: part(AddonOffers).versions.update({(name, VERSION): list(versions)})


def schema(name: str, value: dict[str, Any]) -> Arrange:
    return lambda _: part(AddonOffers).schemas.update({name: value})


def zone_id(name: str, value: str) -> Arrange:
    def arrange(monkeypatch: Patch) -> None:
        (found,) = [zone for zone in RegionsAndZonesBackend.zones["us-east-1"] if zone.name == name]
        monkeypatch.setattr(found, "zone_id", value)

    return arrange


def opted_out(_: Patch) -> None:
    part(ZoneGroups).opt("us-east-1-dfw-2", opted_in=False)


def role(name: str) -> Arrange:
    return lambda _: client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")


def subnet(state: str | None) -> Arrange:
    """Subnet of the racks, with a table whose default route goes where `state` says."""

    def arrange(_: Patch) -> None:
        ec2 = client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        tags = [{"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": "training-network-dallas"}]}]
        made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", TagSpecifications=tags)["Subnet"]["SubnetId"]
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=made)
        if state is None:
            return
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        target = {"GatewayId": gateway}
        if state == "nat":
            address = ec2.allocate_address(Domain="vpc")["AllocationId"]
            target = {
                "NatGatewayId": ec2.create_nat_gateway(SubnetId=made, AllocationId=address)["NatGateway"][
                    "NatGatewayId"
                ]
            }
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)

    return arrange


def two_subnets(monkeypatch: Patch) -> None:
    subnet("nat")(monkeypatch)
    subnet("nat")(monkeypatch)


def metric(*names: str) -> Arrange:
    """A metric of the cluster with these dimensions beside its name."""

    def arrange(_: Patch) -> None:
        dimensions = [{"Name": "ClusterName", "Value": "training"}, *({"Name": name, "Value": "1"} for name in names)]
        data = [{"MetricName": "node_gpu_temperature", "Dimensions": dimensions, "Value": 40.0}]
        client("cloudwatch").put_metric_data(Namespace="ContainerInsights", MetricData=data)

    return arrange


def filter_pattern(pattern: str) -> Arrange:
    """Another filter pattern than the fleet's."""

    def arrange(monkeypatch: Patch) -> None:
        monkeypatch.setattr(kernel_lines, "fatal_xid_pattern", lambda: pattern)

    return arrange


def streams(*names: str) -> Arrange:
    """Log streams in the host log group."""

    def arrange(_: Patch) -> None:
        group = "/aws/containerinsights/training/host"
        client("logs").create_log_group(logGroupName=group)
        for name in names:
            client("logs").create_log_stream(logGroupName=group, logStreamName=name)

    return arrange


@dataclass(frozen=True)
class Case:
    """Answer of a probe in an account.

    Attributes:
        probe: id of the probe.
        subject: part of the question's subject.
        arrange: what the account is like.
        verdict: of the answer; None where there is nothing to ask about yet.
        observed: regular expression of what is observed.
    """

    probe: str
    subject: str
    arrange: Arrange
    verdict: Verdict | None
    observed: str = ""


YES, NO, UNCLEAR = Verdict.YES, Verdict.NO, Verdict.UNCLEAR
NODE_GROUPS = limits.NODE_GROUPS_QUOTA_CODE.value
P_CODE = "L-417A185B"
ROLE = "AWSServiceRoleForAmazonEKSNodegroup"
CASES = [
    Case("account", "account", unchanged, YES, "arn:aws:sts::111122223333:"),
    Case("account", "account", lambda patch: patch.setenv("AWS_ACCESS_KEY_ID", "9" * 12), NO, "^999999999999 "),
    Case("region", "us-east-1", unchanged, YES, "opt-in-not-required"),
    Case("region", "us-east-1", lambda _: part(Regions).disabled.add("us-east-1"), NO, "not-opted-in"),
    Case("zone-opt-in", "dfw-2a", unchanged, YES, "us-east-1-dfw-2 is opted-in"),
    Case("zone-opt-in", "dfw-2a", opted_out, NO, "us-east-1-dfw-2 is not-opted-in"),
    Case("control-plane-zone", "control-a", unchanged, YES, "us-east-1a is use1-az"),
    Case("control-plane-zone", "control-a", zone_id("us-east-1a", "use1-az3"), NO, "us-east-1a is use1-az3"),
    Case("offering", f"{P6E} in us-east-1-dfw-2a", unchanged, YES, "offered in us-east-1-dfw-2a"),
    Case("offering", f"{P6E} in us-east-1-dfw-2a", not_offered(P6E), NO, "not offered in us-east-1-dfw-2a"),
    Case("offering", f"{P6} in us-east-1b", unchanged, NO, "not offered in us-east-1b"),
    Case("offering", f"{P6} in us-east-1b", offered(P6, "us-east-1b"), YES, "offered in us-east-1b"),
    Case("offering", "m6i.xlarge in us-east-1a", not_offered("m7i.xlarge"), YES, "^m6i.xlarge offered"),
    Case("interfaces", "rack-a", unchanged, YES, "17 network cards take 5 interfaces, 4 of them EFA"),
    Case("interfaces", "rack-a", network(P6E, MaximumNetworkInterfaces=4), NO, "it takes 4 interfaces, not 5"),
    Case(
        "interfaces", "rack-a", network(P6E, EfaInfo={"MaximumEfaInterfaces": 3}), NO, "takes 3 EFA interfaces, not 4"
    ),
    Case("interfaces", "rack-a", cards(P6E, MaximumNetworkInterfaces=0), NO, "network card 0 takes 0 interfaces"),
    Case("interfaces", "rack-a", network(P6E, NetworkCards=[]), NO, "it has 0 network cards, none with index 0, 1"),
    Case("interfaces", "rack-a", without_type(P6E), NO, f"the region has no type {P6E}"),
    Case("type-facts", f"max_efa_interfaces of {P6E}", unchanged, YES, "^16$"),
    Case(
        "type-facts",
        f"max_efa_interfaces of {P6E}",
        network(P6E, EfaInfo={"MaximumEfaInterfaces": 8}),
        NO,
        "max_efa_interfaces is 8, the catalog has 16",
    ),
    Case(
        "type-facts", f"ipv4_per_interface of {P6}", network(P6, Ipv4AddressesPerInterface=None), UNCLEAR, "states no"
    ),
    Case("type-facts", f"max_efa_interfaces of {P6E}", without_type(P6E), NO, "the region has no type"),
    Case("type-facts", f"network cards of {P6E}", unchanged, YES, "17 network cards are as in the catalog"),
    Case(
        "type-facts",
        f"network cards of {P6E}",
        cards(P6E, MaximumNetworkInterfaces=9),
        NO,
        "network card 0 takes 9 interfaces, the catalog has",
    ),
    Case("type-facts", f"network cards of {P6E}", network(P6E, NetworkCards=[]), NO, "network card 0 isn't there"),
    Case(
        "type-facts", f"network cards of {P6E}", cards(P6E, MaximumNetworkInterfaces=None), UNCLEAR, "no maximum of 1"
    ),
    Case("quota", "node groups", unchanged, YES, "Managed node groups per cluster is 30"),
    Case("quota", "node groups", quota("eks", NODE_GROUPS, 4), NO, "Managed node groups per cluster is 4$"),
    Case("quota", "vCPUs", quota("ec2", P_CODE, 384), YES, "P instances is 384"),
    Case("quota", "vCPUs", quota("ec2", P_CODE, 383), NO, "P instances is 383$"),
    Case("service-linked-role", "Nodegroup", role(ROLE), YES, ROLE),
    Case("service-linked-role", "Nodegroup", unchanged, NO, "doesn't have it yet"),
    Case("image", "ARM_64", unchanged, YES, "the newest release is 1.35.0-20261101"),
    Case("image", "ARM_64", release("1.35.0-20251103"), YES, "20251103"),
    Case("image", "ARM_64", release("1.35.0-20251102"), NO, "the newest release is 1.35.0-20251102"),
    Case("image", "x86_64", release("1.35.0-20200101", AmiType.AL2023_X86_64_NVIDIA), YES, "20200101"),
    Case("image", "ARM_64", release(None), NO, "there is no parameter /aws/service/eks"),
    Case("image", "ARM_64", release("newest"), UNCLEAR, "is 'newest', without a date"),
    Case("addon", "vpc-cni", unchanged, YES, "v1.21.1-eksbuild.7, whose schema takes the configuration"),
    Case("addon", "kube-proxy", unchanged, YES, "^v1"),
    Case("addon", "vpc-cni", addon("vpc-cni", "v1.22.0-eksbuild.1"), NO, "EKS offers v1.22.0-eksbuild.1"),
    Case("addon", "vpc-cni", addon("vpc-cni"), NO, "EKS has no vpc-cni for Kubernetes 1.35"),
    Case(
        "addon",
        "vpc-cni",
        schema("vpc-cni", {"type": "object", "properties": {"env": {"additionalProperties": False}}}),
        NO,
        "v1.21.1-eksbuild.7 refuses the configuration: env: Additional properties are not allowed",
    ),
    Case("addon", "vpc-cni", schema("vpc-cni", {"type": 3}), NO, "its schema is invalid"),
    Case("addon", "vpc-cni", schema("vpc-cni", {"$ref": "https://example.com/schema"}), NO, "its schema is invalid"),
    Case("addon", "vpc-cni", schema("vpc-cni", []), UNCLEAR, "has no configuration schema"),  # type: ignore[arg-type]
    Case(
        "kubernetes-version", "Kubernetes 1.35", unchanged, YES, "^STANDARD_SUPPORT, standard support until 2027-03-27"
    ),
    Case("kubernetes-version", "Kubernetes 1.35", withdrawn, NO, "EKS doesn't offer Kubernetes 1.35"),
    Case("kubernetes-version", "support of 1.35", withdrawn, NO, "^UNSUPPORTED"),
    Case("block", BLOCK, unchanged, YES, "^scheduled, 18 p6e-gb200.36xlarge until 2026-12-15T11:30:00Z"),
    Case("block", BLOCK, block(instance_count=17), NO, "TotalInstanceCount is 17, the file has 18"),
    Case("block", BLOCK, block(end=START + timedelta(days=7)), NO, "EndDate is 2026-12-08T11:30:00Z, the file has"),
    Case("block", BLOCK, block(availability_zone="us-east-1a"), NO, "AvailabilityZone is us-east-1a"),
    Case("block", BLOCK, block(ultraserver_type="u-p6e-gb200x36"), NO, "UltraserverType is u-p6e-gb200x36, the file"),
    Case("block", BLOCK, block(block_id=None), NO, "ReservationType is default, the file has capacity-block"),
    Case("block", BLOCK, block(cancelled=True), NO, "^it is cancelled"),
    Case("block", BLOCK, block(paid=START + timedelta(days=1)), UNCLEAR, "^it is payment-pending"),
    Case("block", BLOCK, no_block, NO, "no such reservation"),
    Case("machine", "definition", unchanged, YES, "Step Functions takes it"),
    Case("machine", "blocks", unchanged, YES, "with 18 instances"),
    Case("machine", "node group", unchanged, YES, "it decides on 18"),
    Case("machine", "Auto Scaling group", unchanged, YES, "it decides on 18"),
    Case("egress", "dallas", unchanged, None),
    Case("egress", "dallas", subnet("nat"), YES, "0.0.0.0/0 through nat-"),
    Case("egress", "dallas", subnet("internet"), NO, "the route to 0.0.0.0/0 goes to igw-"),
    Case("egress", "dallas", subnet(None), NO, "has no route to 0.0.0.0/0"),
    Case("egress", "dallas", two_subnets, UNCLEAR, "2 subnets are named training-network-dallas"),
    Case("scale-down", BLOCK, unchanged, None),
    Case("scale-down-extension", BLOCK, unchanged, None),
    Case("gpu-metric", "temperature", unchanged, None),
    Case("gpu-metric", "temperature", metric(), NO, "published by ClusterName alone"),
    Case("gpu-metric", "temperature", metric("InstanceId", "GpuDevice"), YES, "1 GPUs of 1 nodes"),
    Case("xid-filter", "pattern", unchanged, YES, "2 of 4 lines, those of dead GPUs"),
    Case("xid-filter", "pattern", filter_pattern('{ $.message = "NVRM*" }'), NO, "it matches 4 of 4 lines"),
    Case("xid-filter", "pattern", filter_pattern("{ $.message IS DEAD }"), NO, "refuses the pattern: .*IS DEAD"),
    Case("kernel-lines", "/training/host", unchanged, None),
    Case("kernel-lines", "/training/host", streams(), None),
    Case("kernel-lines", "/training/host", streams("ip-1.host.dmesg", "ip-1.host.messages"), YES, "of 1 nodes among"),
    Case("kernel-lines", "/training/host", streams("ip-1.host.messages"), NO, "none of the 1 newest log streams"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.probe}-{case.verdict or 'later'}-{case.observed}")
def test_a_probe_answers(world: tuple[AskedAccount, Guard], monkeypatch: Patch, case: Case) -> None:
    account, _ = world
    case.arrange(monkeypatch)
    answer = asked(case.probe, case.subject, account)
    if case.verdict is None:
        assert answer is None
        assert BY_ID[case.probe].later
        return
    assert answer is not None
    assert answer.verdict is case.verdict, answer
    assert re.search(case.observed, answer.observed), answer.observed
    assert answer.remedy or answer.verdict is YES


def test_every_probe_has_a_yes_and_a_no() -> None:
    deployed_ones = {"scale-down", "scale-down-extension"}
    creating = {probe.id for probe in PROBES if probe.creates}
    for verdict in (YES, NO):
        seen = {case.probe for case in CASES if case.verdict is verdict} | ({"machine"} if verdict is NO else set())
        existing = {probe.id for probe in PROBES if probe.id.startswith("existing-")}  # tests/doctor/test_existing.py
        assert {probe.id for probe in PROBES} - seen == deployed_ones | creating | existing, verdict


@pytest.mark.parametrize(
    ("state", "subject", "change", "observed"),
    [
        ("", "definition", {"StartAt": "Nowhere"}, "Nowhere is no state"),
        ("DescribeReservations", "blocks", {"Assign": {"reservations": "{% [] %}"}}, r"it has \[\]"),
        ("DescribeReservations", "blocks", {"Assign": {"reservations": "{% $nothing %}"}}, "QueryEvaluationError"),
        ("DescribeNodeGroup", "node group", {"Assign": {"plan": "{% {'wanted': 0} %}"}}, 'it has {"wanted": 0}'),
        ("DescribeAutoScalingGroup", "Auto Scaling group", {"Assign": {"plan": "{% {} %}"}}, "it has {}"),
    ],
)
def test_a_machine_that_means_something_else(
    world: tuple[AskedAccount, Guard],
    monkeypatch: Patch,
    state: str,
    subject: str,
    change: dict[str, Any],
    observed: str,
) -> None:
    from ultrafleet.doctor.probes import machine  # noqa: PLC0415 - patched here alone

    account, _ = world
    plain = machine.state_machine_definition

    def broken(**names: str) -> dict[str, Any]:
        made = plain(**names)
        states = made["States"]
        inner = states["EachGroup"]["ItemProcessor"]["States"]
        (states.get(state) or inner.get(state) or made).update(change)
        return made

    monkeypatch.setattr(machine, "state_machine_definition", broken)
    answer = asked("machine", subject, account)
    assert answer is not None
    assert answer.verdict is NO
    assert re.search(observed, answer.observed), answer.observed


@pytest.mark.parametrize(
    "probe_id",
    [probe.id for probe in PROBES if not probe.creates and "scale" not in probe.id and "existing" not in probe.id],
)
def test_a_probe_is_denied_without_a_permission(
    world: tuple[AskedAccount, Guard], monkeypatch: Patch, probe_id: str
) -> None:
    account, guard = world
    subnet("nat")(monkeypatch)
    probe = BY_ID[probe_id]
    for permission in probe.permissions:
        if (probe_id, permission.action) == ("egress", "ec2:DescribeVpcEndpoints"):
            continue  # asked of a VPC that exists alone, and this environment makes its own
        guard.refused = {permission.action}
        answers = [ask(question, account) for question in probe.questions(ENVIRONMENT)]
        denied = [item for item in answers if item is not None and item.verdict is Verdict.DENIED]
        assert denied, f"{probe_id} asks without {permission.action}"
        for item in denied:
            assert item.observed.startswith(f"{permission.action} is refused (")
            assert permission.action in item.remedy


@pytest.mark.parametrize("code", ["Throttling", "InternalError", "RequestLimitExceeded"])
def test_a_call_that_fails_is_unclear(world: tuple[AskedAccount, Guard], monkeypatch: Patch, code: str) -> None:
    account, guard = world

    def fails(action: str, _: str) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, action)

    monkeypatch.setattr(guard, "check", fails)
    for probe in PROBES:
        for question in [] if probe.creates else probe.questions(ENVIRONMENT):
            answer = ask(question, account)
            assert answer is not None
            assert answer.verdict is UNCLEAR
            assert code in answer.observed


@pytest.fixture
def running(monkeypatch: Patch) -> Iterator[tuple[AskedAccount, Guard, DeployedEnvironment]]:
    """Two racks that run, half an hour after their blocks began."""
    with deployed("training", up=True) as made, guarded(monkeypatch, made.environment) as (account, guard):
        yield account, guard, made


def extend(made: DeployedEnvironment) -> None:
    """Extend rack b's block by a week, and let it be paid."""
    rack = {"CapacityReservationId": "cr-0bbbbbbbbbbbbbbb1"}
    (offering, *_) = made.call(
        "ec2",
        "describe_capacity_block_extension_offerings",
        CapacityBlockExtensionDurationHours=7 * 24,
        **rack,
    )["CapacityBlockExtensionOfferings"]
    made.call(
        "ec2",
        "purchase_capacity_block_extension",
        CapacityBlockExtensionOfferingId=offering["CapacityBlockExtensionOfferingId"],
        **rack,
    )
    made.simulation.advance(hours=1)


RACK_B = "rack-b-cr-0bbbbbbbbbbbbbbb1"


@pytest.mark.slow
def test_ekss_own_scale_down_of_running_racks(
    running: tuple[AskedAccount, Guard, DeployedEnvironment],
) -> None:
    account, guard, made = running
    answer = asked("scale-down", RACK_B, account, made.environment)
    assert answer is not None
    assert (answer.verdict, answer.observed) == (YES, "at 2027-01-26 10:50 UTC")
    assert asked("scale-down-extension", RACK_B, account, made.environment) is None
    extend(made)
    for probe in ("scale-down", "scale-down-extension"):
        answer = asked(probe, RACK_B, account, made.environment)
        assert answer is not None
        assert answer.verdict is YES
    assert "still at 2027-01-26 10:50 UTC, the block ends at 2027-02-02 11:30" in answer.observed
    assert "ultrafleet preflight training" in answer.remedy
    for permission in BY_ID["scale-down-extension"].permissions:
        guard.refused = {permission.action}
        denied = asked("scale-down-extension", RACK_B, account, made.environment)
        assert denied is not None
        assert denied.verdict is Verdict.DENIED, permission.action
        assert denied.observed.startswith(permission.action)
    guard.refused = set()
    SIMULATED_ACCOUNT.readings.add("eks-scale-down-moves")
    answer = asked("scale-down-extension", RACK_B, account, made.environment)
    assert answer is not None
    assert (answer.verdict, answer.observed) == (NO, "it moved to 2027-02-02 10:50 UTC with the extension")
    eks = SIMULATED_ACCOUNT.part(Eks, made.environment.account, made.environment.region)
    (group,) = [item for item in eks.node_groups() if item.described["nodegroupName"] == RACK_B]
    group.scale_down = None
    answer = asked("scale-down", RACK_B, account, made.environment)
    assert answer is not None
    assert (answer.verdict, answer.observed) == (NO, f"node group {RACK_B} has no action of that name")


@pytest.mark.slow
def test_ways_out_of_a_deployed_network(running: tuple[AskedAccount, Guard, DeployedEnvironment]) -> None:
    account, _, made = running
    answers = [ask(question, account) for question in BY_ID["egress"].questions(made.environment)]
    assert len(answers) == 4
    assert {item.verdict for item in answers if item is not None} == {YES}
    roles = [ask(question, account) for question in BY_ID["service-linked-role"].questions(made.environment)]
    assert {item.verdict for item in roles if item is not None} == {YES}
