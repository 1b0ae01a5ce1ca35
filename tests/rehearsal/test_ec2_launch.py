"""Launches of the embedded EC2: what a good one looks like, and why each bad one is refused."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.rehearsal_ec2 import ACCOUNT, DALLAS, END, NOW, P5EN_BLOCK, REGION, ULTRASERVER, Scene, embedded_account
from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.source import Source
from ultrafleet.layout import Interface, efa_layout
from ultrafleet.rehearsal.assumptions import CLEAN_UP
from ultrafleet.rehearsal.ec2.engine.launch import launch
from ultrafleet.rehearsal.ec2.rules import launch as launch_rules
from ultrafleet.rehearsal.ec2.rules.launch import LAUNCH_RULES, check, settled
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchRequest, facts_of
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes, running, terminate
from ultrafleet.rehearsal.ec2.state.reservation_groups import ReservationGroups
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

GROUP_ARN = f"arn:aws:resource-groups:{REGION}:{ACCOUNT}:group/blocks"
GB300_BLOCK = "cr-0aaaaaaaaaaaaaaa4"
BLOCK_MARKET: Mapping[str, Any] = MappingProxyType({"MarketType": "capacity-block"})


@pytest.fixture
def scene() -> Iterator[Scene]:
    with embedded_account() as made:
        yield made


@dataclass(frozen=True, kw_only=True)
class Case:
    """A launch that one rule refuses."""

    rule: str
    code: str
    request: Callable[[Scene], LaunchRequest]


def _on(instance_type: InstanceType, *interfaces: Interface) -> Callable[[Scene], LaunchRequest]:
    """The good launch on demand or on a block, with other interfaces."""

    def request(scene: Scene) -> LaunchRequest:
        listed = [scene.interface(one) for one in interfaces]
        good = scene.p5en() if instance_type is InstanceType.P5EN_48XLARGE else scene.p6_b300()
        return replace(good, template={**good.template, "NetworkInterfaces": listed})

    return request


def _efa_on_m5(scene: Scene) -> LaunchRequest:
    interfaces = [scene.interface(Interface(0, 0, "interface")), scene.interface(Interface(0, 1, "efa-only"))]
    return scene.request("m5.large", {"NetworkInterfaces": interfaces})


def _public_ip(scene: Scene) -> LaunchRequest:
    good = scene.p5()
    interfaces = [dict(one) for one in good.template["NetworkInterfaces"]]
    interfaces[0]["AssociatePublicIpAddress"] = True
    return replace(good, template={**good.template, "NetworkInterfaces": interfaces})


def _with_group(make: Callable[[Scene], str]) -> Callable[[Scene], LaunchRequest]:
    def request(scene: Scene) -> LaunchRequest:
        group = make(scene)
        interfaces = [
            scene.interface(one, Groups=[scene.efa_group, group]) for one in efa_layout(InstanceType.P5_4XLARGE)
        ]
        return scene.p5({"NetworkInterfaces": interfaces})

    return request


def _group_of_another_vpc(scene: Scene) -> str:
    vpc = scene.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    return str(scene.ec2.create_security_group(GroupName="far", Description="far", VpcId=vpc)["GroupId"])


def _efa_without(*directions: str) -> Callable[[Scene], LaunchRequest]:
    """The rules of an EFA group in these directions only."""

    def request(scene: Scene) -> LaunchRequest:
        group = scene.ec2.create_security_group(GroupName="half", Description="half", VpcId=scene.vpc)["GroupId"]
        scene.allow_itself(group, *directions)
        interfaces = [scene.interface(one, Groups=[group]) for one in efa_layout(InstanceType.P5_4XLARGE)]
        return scene.p5({"NetworkInterfaces": interfaces})

    return request


def _full_subnet(scene: Scene) -> LaunchRequest:
    made = scene.ec2.create_subnet(VpcId=scene.vpc, CidrBlock="10.0.9.0/28", AvailabilityZone="us-east-1a")["Subnet"]
    for _ in range(made["AvailableIpAddressCount"]):
        scene.ec2.create_network_interface(SubnetId=made["SubnetId"])
    return scene.p5(subnet_id=made["SubnetId"])


def _secondary_subnet(scene: Scene, cidr: str = "172.16.0.0/24", zone: str = "us-east-1a") -> str:
    networks = scene.ec2.describe_secondary_networks()["SecondaryNetworks"]
    network = (
        networks[0]
        if networks
        else scene.ec2.create_secondary_network(Ipv4CidrBlock="172.16.0.0/16", NetworkType="rdma")["SecondaryNetwork"]
    )
    made = scene.ec2.create_secondary_subnet(
        SecondaryNetworkId=network["SecondaryNetworkId"], Ipv4CidrBlock=cidr, AvailabilityZone=zone
    )
    return str(made["SecondarySubnet"]["SecondarySubnetId"])


def _roce(scene: Scene, subnets: list[str], **more: Any) -> LaunchRequest:
    """A node on RoCE: its secondary interfaces on cards 1 to 8, over the subnets in turn."""
    secondary = [
        {"NetworkCardIndex": card, "DeviceIndex": 0, "SecondarySubnetId": subnets[card % len(subnets)]}
        for card in range(1, 9)
    ]
    primary = scene.interface(Interface(0, 0, "interface"))
    data = {"NetworkInterfaces": [primary], "SecondaryInterfaces": secondary, **more}
    return scene.request("p6e-gb300r.36xlarge", data, ami_architecture="arm64")


def _after_one_more(scene: Scene, subnet: str) -> LaunchRequest:
    """A node beside one that has 8 of the 11 addresses of a subnet."""
    _gb300_block(scene)
    launch(_roce(scene, [subnet], **_into(GB300_BLOCK), InstanceMarketOptions=BLOCK_MARKET))
    return _roce(scene, [subnet])


def _gb300_block(scene: Scene) -> None:
    scene.reservations.seed_block(
        capacity_reservation_id=GB300_BLOCK,
        instance_type="p6e-gb300r.36xlarge",
        instance_count=18,
        availability_zone="us-east-1a",
        start=NOW - timedelta(days=1),
        end=END,
        ultraserver_type="u-p6e-gb300x72",
    )


def _into_group(arn: str) -> dict[str, Any]:
    target = {"CapacityReservationResourceGroupArn": arn}
    return {"CapacityReservationSpecification": {"CapacityReservationTarget": target}}


def _without(request: Callable[[Scene], LaunchRequest], *keys: str) -> Callable[[Scene], LaunchRequest]:
    def made(scene: Scene) -> LaunchRequest:
        good = request(scene)
        return replace(good, template={key: value for key, value in good.template.items() if key not in keys})

    return made


def _after(request: Callable[[Scene], LaunchRequest], change: Callable[[Scene], Any]) -> Callable[[Scene], Any]:
    def made(scene: Scene) -> LaunchRequest:
        change(scene)
        return request(scene)

    return made


def _into(reservation_id: str) -> dict[str, Any]:
    """Launch template that targets a reservation."""
    target = {"CapacityReservationId": reservation_id}
    return {"CapacityReservationSpecification": {"CapacityReservationTarget": target}}


def _reserved(**more: Any) -> Callable[[Scene], LaunchRequest]:
    """A launch of p5.4xlarge into an on-demand reservation."""
    return lambda scene: scene.p5(_into(scene.reserve("p5.4xlarge", **more)))


def _block_where_it_is_not_offered(scene: Scene) -> LaunchRequest:
    scene.reservations.seed_block(
        capacity_reservation_id="cr-0aaaaaaaaaaaaaaa3",
        instance_type="p6e-gb200.36xlarge",
        instance_count=18,
        availability_zone="us-east-1a",
        start=NOW - timedelta(days=1),
        end=END,
        ultraserver_type="u-p6e-gb200x72",
    )
    return scene.p6e(_into("cr-0aaaaaaaaaaaaaaa3"), zone="us-east-1a")


def _expired(scene: Scene) -> None:
    scene.ec2.modify_capacity_reservation(CapacityReservationId=scene.odcr, EndDate=NOW - timedelta(hours=1))


def _group_of_a_full_block(scene: Scene) -> None:
    SIMULATED_ACCOUNT.part(ReservationGroups, ACCOUNT, REGION).set_members(GROUP_ARN, [P5EN_BLOCK])
    for _ in range(2):
        launch(scene.p5en())


def _group_of_the_ultraserver(_: Scene) -> None:
    SIMULATED_ACCOUNT.part(ReservationGroups, ACCOUNT, REGION).set_members(GROUP_ARN, [ULTRASERVER])


CASES = [
    Case(rule="type-unknown", code="InvalidParameterValue", request=lambda s: s.request("m99.large", {})),
    Case(rule="subnet-unknown", code="InvalidSubnetID.NotFound", request=lambda s: s.p5(subnet_id="subnet-0dead")),
    Case(rule="type-not-in-zone", code="Unsupported", request=_block_where_it_is_not_offered),
    Case(rule="efa-unsupported", code="UnsupportedOperation", request=_efa_on_m5),
    Case(
        rule="interface-limit",
        code="AttachmentLimitExceeded",
        request=_on(InstanceType.P6_B300_48XLARGE, Interface(0, 0, "efa")),
    ),
    Case(
        rule="interface-layout",
        code="InvalidParameterCombination",
        request=_on(InstanceType.P5EN_48XLARGE, Interface(0, 0, "interface"), Interface(16, 0, "efa-only")),
    ),
    Case(
        rule="interface-layout",
        code="InvalidParameterCombination",
        request=_on(InstanceType.P5EN_48XLARGE, Interface(0, 0, "efa"), Interface(0, 1, "efa-only")),
    ),
    Case(rule="public-ip-with-many-interfaces", code="InvalidParameterCombination", request=_public_ip),
    Case(
        rule="groups-beside-interfaces",
        code="InvalidParameterCombination",
        request=lambda s: s.p5({"SecurityGroupIds": [s.efa_group]}),
    ),
    Case(
        rule="security-group-unknown",
        code="InvalidGroup.NotFound",
        request=_with_group(lambda _: "sg-0123456789abcdef0"),
    ),
    Case(rule="security-group-of-another-vpc", code="InvalidParameter", request=_with_group(_group_of_another_vpc)),
    Case(rule="efa-security-group", code="EfaSecurityGroupRule", request=_efa_without("ingress")),
    Case(rule="efa-security-group", code="EfaSecurityGroupRule", request=_efa_without("egress")),
    Case(
        rule="user-data-too-long",
        code="InvalidParameterValue",
        request=lambda s: s.p5({"UserData": base64.b64encode(b"x" * (16 * 1024 + 1)).decode()}),
    ),
    Case(rule="ami-architecture", code="InvalidParameterValue", request=lambda s: s.p6e(ami_architecture="x86_64")),
    Case(rule="subnet-full", code="InsufficientFreeAddressesInSubnet", request=_full_subnet),
    Case(
        rule="secondary-subnet-unknown",
        code="InvalidSecondarySubnetId.NotFound",
        request=lambda s: _roce(s, [_secondary_subnet(s), "ssn-0dead"]),
    ),
    Case(
        rule="secondary-subnet-zone",
        code="InvalidParameterCombination",
        request=lambda s: _roce(s, [_secondary_subnet(s, zone="us-east-1b")]),
    ),
    Case(
        rule="secondary-subnet-full",
        code="InsufficientFreeAddressesInSubnet",
        request=lambda s: _after_one_more(s, _secondary_subnet(s, "172.16.0.0/28")),
    ),
    Case(
        rule="placement-group-unknown",
        code="InvalidPlacementGroup.Unknown",
        request=lambda s: s.p6_b300({"Placement": {"GroupName": "nowhere"}}),
    ),
    Case(
        rule="block-without-target",
        code="InvalidParameterCombination",
        request=_without(Scene.p6e, "CapacityReservationSpecification"),
    ),
    Case(
        rule="reservation-unknown",
        code="InvalidCapacityReservationId.NotFound",
        request=lambda s: s.p6e(_into("cr-0bbbbbbbbbbbbbbb1")),
    ),
    Case(
        rule="reservation-group-unknown",
        code="InvalidParameterValue",
        request=lambda s: s.p5en(_into_group(GROUP_ARN)),
    ),
    Case(
        rule="reservation-group-local-zone",
        code="UnsupportedOperation",
        request=_after(lambda s: s.p6e(_into_group(GROUP_ARN)), _group_of_the_ultraserver),
    ),
    Case(
        rule="block-market-missing", code="InvalidParameterValue", request=_without(Scene.p6e, "InstanceMarketOptions")
    ),
    Case(
        rule="block-market-without-block",
        code="InvalidParameterValue",
        request=_after(
            lambda s: replace(
                _reserved()(s), template={**_reserved()(s).template, "InstanceMarketOptions": BLOCK_MARKET}
            ),
            lambda _: None,
        ),
    ),
    Case(
        rule="sold-in-blocks-only",
        code="InvalidParameterValue",
        request=_without(Scene.p6e, "InstanceMarketOptions", "CapacityReservationSpecification"),
    ),
    Case(
        rule="placement-group-with-block",
        code="InvalidParameterCombination",
        request=lambda s: s.p5en({"Placement": {"GroupName": "close"}}),
    ),
    Case(
        rule="placement-group-without-reservation",
        code="InsufficientInstanceCapacity",
        request=lambda s: s.p5(_into(s.reserve("p5.4xlarge")) | {"Placement": {"GroupName": "close"}}),
    ),
    Case(
        rule="no-reservation-left",
        code="ReservationCapacityExceeded",
        request=_after(lambda s: s.p5en(_into_group(GROUP_ARN)), _group_of_a_full_block),
    ),
    Case(
        rule="reservation-pending",
        code="InvalidCapacityReservationState.PendingActivation",
        request=_after(Scene.p6e, lambda s: s.reservations.override(ULTRASERVER, state="payment-pending")),
    ),
    Case(
        rule="reservation-over",
        code="InvalidCapacityReservationState.Unavailable",
        request=_after(Scene.p6e, lambda s: s.reservations.override(ULTRASERVER, state="payment-failed")),
    ),
    Case(
        rule="reservation-over",
        code="InvalidCapacityReservationState.Unavailable",
        request=_after(Scene.p6_b300, _expired),
    ),
    Case(
        rule="reservation-over",
        code="InvalidCapacityReservationState.Unavailable",
        request=_after(Scene.p6_b300, lambda s: s.ec2.cancel_capacity_reservation(CapacityReservationId=s.odcr)),
    ),
    Case(
        rule="reservation-unlaunchable",
        code="InvalidCapacityReservationState.Unavailable",
        request=_after(Scene.p6e, lambda s: s.reservations.override(ULTRASERVER, state="unlaunchable")),
    ),
    Case(
        rule="reservation-reclaim",
        code="InvalidCapacityReservationState.Unavailable",
        request=_after(Scene.p6e, lambda _: SIMULATED_ACCOUNT.advance(END - timedelta(minutes=60))),
    ),
    Case(
        rule="reservation-zone",
        code="ReservationCapacityExceeded",
        request=lambda s: s.p5en(zone="us-east-1c"),
    ),
    Case(
        rule="reservation-type",
        code="ReservationCapacityExceeded",
        request=lambda s: s.p5(_into(s.reserve("m5.large"))),
    ),
    Case(
        rule="reservation-platform", code="ReservationCapacityExceeded", request=_reserved(InstancePlatform="Windows")
    ),
    Case(rule="reservation-tenancy", code="ReservationCapacityExceeded", request=_reserved(Tenancy="dedicated")),
    Case(
        rule="reservation-full",
        code="ReservationCapacityExceeded",
        request=_after(Scene.p5en, lambda s: [launch(s.p5en()) for _ in range(2)]),
    ),
    Case(
        rule="reservation-placement-group",
        code="ReservationCapacityExceeded",
        request=_without(Scene.p6_b300, "Placement"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_only_its_rule_refuses_a_bad_launch(case: Case, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    request = case.request(scene)
    with pytest.raises(Refusal) as refused:
        launch(request)
    assert (refused.value.rule, refused.value.code) == (case.rule, case.code)
    left = [rule for rule in LAUNCH_RULES if rule.id != case.rule]
    monkeypatch.setattr(launch_rules, "LAUNCH_RULES", left)
    check(settled(facts_of(request)))


def test_every_rule_has_a_case_and_a_source() -> None:
    assert {case.rule for case in CASES} == {rule.id for rule in LAUNCH_RULES}
    assert len({rule.id for rule in LAUNCH_RULES}) == len(LAUNCH_RULES)
    assert set(launch_rules.REASONS) == {rule.id for rule in LAUNCH_RULES}
    assert all(isinstance(rule.source, Source) for rule in LAUNCH_RULES)


def _layout(shown: Mapping[str, Any]) -> list[Interface]:
    interfaces = shown["NetworkInterfaces"]
    return sorted(
        Interface(one["Attachment"]["NetworkCardIndex"], one["Attachment"]["DeviceIndex"], one["InterfaceType"])
        for one in interfaces
    )


def test_a_launch_on_an_ultraserver(scene: Scene) -> None:
    free = scene.free_addresses(DALLAS)
    shown = scene.shown(launch(scene.p6e()))
    assert _layout(shown) == list(efa_layout(InstanceType.P6E_GB200_36XLARGE))
    assert shown["InstanceType"] == "p6e-gb200.36xlarge"
    assert shown["Architecture"] == "arm64"
    assert shown["InstanceLifecycle"] == "capacity-block"
    assert shown["CapacityReservationId"] == ULTRASERVER
    assert shown["CapacityReservationSpecification"] == {
        "CapacityReservationTarget": {"CapacityReservationId": ULTRASERVER}
    }
    assert shown["Placement"]["AvailabilityZone"] == DALLAS
    assert not shown["Placement"].get("GroupName")
    assert shown["LaunchTime"] == NOW
    assert shown["MetadataOptions"]["HttpTokens"] == "required"
    assert shown["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert {tag["Key"]: tag["Value"] for tag in shown["Tags"]} == {"pool": "one", "eks:nodegroup-name": "group"}
    assert {group["GroupId"] for one in shown["NetworkInterfaces"] for group in one["Groups"]} == {scene.efa_group}
    with_address = [one for one in shown["NetworkInterfaces"] if one.get("PrivateIpAddress")]
    assert [one["InterfaceType"] for one in with_address] == ["interface"]
    assert with_address[0]["PrivateIpAddress"] == shown["PrivateIpAddress"]
    assert scene.free_addresses(DALLAS) == free - 1
    held = scene.ec2.describe_capacity_reservations(CapacityReservationIds=[ULTRASERVER])["CapacityReservations"][0]
    assert (held["AvailableInstanceCount"], held["TotalInstanceCount"]) == (17, 18)


def test_a_launch_on_a_block_of_single_instances(scene: Scene) -> None:
    shown = scene.shown(launch(scene.p5en()))
    assert shown["CapacityReservationId"] == P5EN_BLOCK
    assert len(shown["NetworkInterfaces"]) == 17


def test_a_launch_into_a_reservation_in_a_placement_group(scene: Scene) -> None:
    shown = scene.shown(launch(scene.p6_b300()))
    assert shown["Placement"]["GroupName"] == "close"
    assert shown["CapacityReservationId"] == scene.odcr
    assert "InstanceLifecycle" not in shown
    found = scene.ec2.describe_instances(Filters=[{"Name": "capacity-reservation-id", "Values": [scene.odcr]}])
    assert found["Reservations"][0]["Instances"][0]["InstanceId"] == shown["InstanceId"]


def test_a_launch_on_demand_has_no_reservation(scene: Scene) -> None:
    shown = scene.shown(launch(scene.p5()))
    assert "CapacityReservationId" not in shown
    assert shown["CapacityReservationSpecification"] == {"CapacityReservationPreference": "open"}


def test_a_launch_of_a_type_without_accelerators_without_interfaces(scene: Scene) -> None:
    shown = scene.shown(launch(scene.request("m6i.large", {"SecurityGroupIds": [scene.efa_group]})))
    assert _layout(shown) == [Interface(0, 0, "interface")]
    assert [group["GroupId"] for group in shown["SecurityGroups"]] == [scene.efa_group]


def test_an_open_reservation_is_used_by_who_fits(scene: Scene) -> None:
    reservation = scene.reserve("p5.4xlarge", InstanceMatchCriteria="open", InstanceCount=1)
    shown = [scene.shown(launch(scene.p5())) for _ in range(2)]
    assert [one.get("CapacityReservationId") for one in shown] == [reservation, None]
    alone = {"CapacityReservationSpecification": {"CapacityReservationPreference": "none"}}
    terminate(ACCOUNT, REGION, [shown[0]["InstanceId"]], reason="room")
    assert "CapacityReservationId" not in scene.shown(launch(scene.p5(alone)))


def test_of_a_resource_group_the_first_active_block_with_room_is_used(scene: Scene) -> None:
    for number, start in ((4, NOW + timedelta(days=1)), (5, NOW - timedelta(days=1))):
        scene.reservations.seed_block(
            capacity_reservation_id=f"cr-0aaaaaaaaaaaaaaa{number}",
            instance_type="p5en.48xlarge",
            instance_count=2,
            availability_zone="us-east-1a",
            start=start,
            end=END,
        )
    members = ["cr-0aaaaaaaaaaaaaaa4", P5EN_BLOCK, "cr-0aaaaaaaaaaaaaaa5"]
    SIMULATED_ACCOUNT.part(ReservationGroups, ACCOUNT, REGION).set_members(GROUP_ARN, members)
    used = [scene.shown(launch(scene.p5en(_into_group(GROUP_ARN))))["CapacityReservationId"] for _ in range(4)]
    assert used == [P5EN_BLOCK, P5EN_BLOCK, "cr-0aaaaaaaaaaaaaaa5", "cr-0aaaaaaaaaaaaaaa5"]


def test_terminated_instances_give_back_capacity_and_addresses(scene: Scene) -> None:
    free = scene.free_addresses("us-east-1a")
    first, second = launch(scene.p5en()), launch(scene.p5en())
    assert scene.free_addresses("us-east-1a") == free - 2
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=2))
    terminate(ACCOUNT, REGION, [first], reason="scaled in")
    scene.ec2.terminate_instances(InstanceIds=[second])
    assert scene.free_addresses("us-east-1a") == free
    here = [{"Name": "subnet-id", "Values": [scene.subnets["us-east-1a"]]}]
    assert scene.ec2.describe_network_interfaces(Filters=here)["NetworkInterfaces"] == []
    lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, ACCOUNT, REGION)
    assert [lifetimes.by_id[one].reason for one in (first, second)] == ["scaled in", "TerminateInstances"]
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=5))
    assert lifetimes.node_hours(P5EN_BLOCK) == 4
    scene.ec2.terminate_instances(InstanceIds=[first])
    shown = scene.shown(first)
    assert shown["State"]["Name"] == "terminated"
    assert shown["StateReason"]["Message"] == "scaled in"
    assert shown["StateTransitionReason"] == "Service initiated (2026-11-02 10:00:00 GMT)"
    launch(scene.p5en())


def test_a_block_takes_a_replacement_after_its_clean_up(scene: Scene) -> None:
    first, _ = launch(scene.p5en()), launch(scene.p5en())
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=1))
    terminate(ACCOUNT, REGION, [first], reason="gone")
    with pytest.raises(Refusal) as refused:
        launch(scene.p5en())
    assert refused.value.rule == "reservation-full"
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=1) + CLEAN_UP - timedelta(minutes=1))
    assert scene.reservations.available(scene.reservations.get(P5EN_BLOCK)) == 0
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=1) + CLEAN_UP)
    launch(scene.p5en())


def test_a_reservation_on_demand_takes_a_replacement_at_once(scene: Scene) -> None:
    first, _ = launch(scene.p6_b300()), launch(scene.p6_b300())
    SIMULATED_ACCOUNT.advance(NOW + timedelta(hours=1))
    terminate(ACCOUNT, REGION, [first], reason="gone")
    launch(scene.p6_b300())


def test_addresses_of_terminated_instances_are_used_again(scene: Scene) -> None:
    small = scene.ec2.create_subnet(VpcId=scene.vpc, CidrBlock="10.0.9.0/28", AvailabilityZone="us-east-1a")["Subnet"]
    for _ in range(30):
        terminate(ACCOUNT, REGION, [launch(scene.p5(subnet_id=small["SubnetId"]))], reason="again")
    for _ in range(11):
        launch(scene.p5(subnet_id=small["SubnetId"]))
    with pytest.raises(Refusal, match="not enough free addresses"):
        launch(scene.p5(subnet_id=small["SubnetId"]))


def test_running_finds_instances_by_their_tags(scene: Scene) -> None:
    first = launch(scene.p5en())
    other = launch(replace(scene.p5en(), tags={"eks:nodegroup-name": "other"}))
    gone = launch(scene.p5())
    terminate(ACCOUNT, REGION, [gone], reason="scaled in")
    found = running(ACCOUNT, REGION, {"eks:nodegroup-name": "group", "pool": "one"})
    assert [one.id for one in found] == [first]
    assert found[0].launched == NOW
    assert (found[0].state, found[0].instance_type) == ("running", "p5en.48xlarge")
    assert (found[0].subnet_id, found[0].reservation_id) == (scene.subnets["us-east-1a"], P5EN_BLOCK)
    assert {one.id for one in running(ACCOUNT, REGION, {})} == {first, other}


def test_injected_faults_come_before_the_rules(scene: Scene) -> None:
    seen: list[dict[str, Any]] = []

    def fault(service: str, action: str, about: dict[str, Any]) -> None:
        if (service, action) == ("ec2", "RunInstances"):
            seen.append(about)
            raise Refusal("InsufficientInstanceCapacity", "We currently do not have sufficient capacity.")

    SIMULATED_ACCOUNT.checks.append(fault)
    with pytest.raises(Refusal, match="sufficient capacity"):
        launch(scene.p5en(subnet_id="subnet-0dead"))
    assert seen[0]["InstanceType"] == "p5en.48xlarge"
    assert seen[0]["CapacityReservationTarget"] == {"CapacityReservationId": P5EN_BLOCK}
    assert seen[0]["Tags"]["eks:nodegroup-name"] == "group"


def test_each_interface_has_its_own_groups(scene: Scene) -> None:
    group = scene.ec2.create_security_group(GroupName="pods", Description="pods", VpcId=scene.vpc)["GroupId"]
    primary, efa = efa_layout(InstanceType.P5_4XLARGE)
    interfaces = [scene.interface(primary, Groups=[group]), scene.interface(efa)]
    shown = scene.shown(launch(scene.p5({"NetworkInterfaces": interfaces})))
    groups = {one["InterfaceType"]: [item["GroupId"] for item in one["Groups"]] for one in shown["NetworkInterfaces"]}
    assert groups == {"interface": [group], "efa-only": [scene.efa_group]}


def test_volumes_are_the_templates(scene: Scene) -> None:
    disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": "300", "Encrypted": "true", "VolumeType": "gp3"}}
    shown = scene.shown(launch(scene.p5({"BlockDeviceMappings": [disk]})))
    volume_id = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    volume = scene.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]
    assert (volume["Size"], volume["Encrypted"], volume["AvailabilityZone"]) == (300, True, "us-east-1a")


def test_a_node_on_roce_has_its_secondary_interfaces_until_it_is_terminated(scene: Scene) -> None:
    subnets = [_secondary_subnet(scene, f"172.16.{number}.0/24") for number in range(4)]
    _gb300_block(scene)
    request = _roce(scene, subnets, **_into(GB300_BLOCK), InstanceMarketOptions=BLOCK_MARKET)
    first, second = launch(request), launch(request)
    (found,) = scene.ec2.describe_instances(InstanceIds=[second])["Reservations"][0]["Instances"]
    at = [
        (item["Attachment"]["NetworkCardIndex"], item["SecondarySubnetId"], item["PrivateIpAddresses"][0])
        for item in found["SecondaryInterfaces"]
    ]
    own = [f"172.16.{card % 4}.{6 if card < 5 else 7}" for card in range(1, 9)]
    assert at == [(card, subnets[card % 4], {"PrivateIpAddress": own[card - 1]}) for card in range(1, 9)]
    filters = [{"Name": "attachment.instance-id", "Values": [first]}]
    assert len(scene.ec2.describe_secondary_interfaces(Filters=filters)["SecondaryInterfaces"]) == 8
    with pytest.raises(ClientError, match="DependencyViolation"):
        scene.ec2.delete_secondary_subnet(SecondarySubnetId=subnets[0])
    scene.ec2.terminate_instances(InstanceIds=[first, second])
    assert scene.ec2.describe_secondary_interfaces()["SecondaryInterfaces"] == []
    scene.ec2.delete_secondary_subnet(SecondarySubnetId=subnets[0])


def test_a_region_takes_five_secondary_networks_and_none_with_subnets_goes(scene: Scene) -> None:
    _secondary_subnet(scene)
    (network,) = scene.ec2.describe_secondary_networks()["SecondaryNetworks"]
    with pytest.raises(ClientError, match="has secondary subnets and cannot be deleted"):
        scene.ec2.delete_secondary_network(SecondaryNetworkId=network["SecondaryNetworkId"])
    for _ in range(4):
        scene.ec2.create_secondary_network(Ipv4CidrBlock="172.16.0.0/16", NetworkType="rdma")
    with pytest.raises(ClientError, match="SecondaryNetworkLimitExceeded"):
        scene.ec2.create_secondary_network(Ipv4CidrBlock="172.16.0.0/16", NetworkType="rdma")
