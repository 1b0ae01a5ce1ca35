"""Rules of node groups and Auto Scaling groups."""

from collections.abc import Iterator

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.policy.intrinsics import Unknown
from ultrafleet.policy.launch import AUTO_SCALING_GROUP, NODE_GROUP, known_type, launch_of, types_of
from ultrafleet.policy.rule import Problem, Rule, Severity, cannot_tell
from ultrafleet.policy.template import Resource, Template

_ARM_AMI = "ARM"


def _capacity_type(template: Template) -> Iterator[Problem]:
    for group in template.of_type(NODE_GROUP):
        launch = launch_of(template, group)
        stated = group.get("CapacityType")
        if isinstance(stated, Unknown):
            yield cannot_tell(group.logical_id, "CapacityType", stated.reason)
        elif launch is not None and launch.market == "capacity-block" and stated != "CAPACITY_BLOCK":
            yield Problem(
                group.logical_id,
                f"CapacityType is {stated or 'not stated'} with a launch template for a capacity block, expected "
                "CAPACITY_BLOCK: set it",
            )
        elif stated == "CAPACITY_BLOCK" and launch is not None and launch.market != "capacity-block":
            if isinstance(launch.market, Unknown):
                yield cannot_tell(group.logical_id, "the launch template's market type", launch.market.reason)
                continue
            yield Problem(
                group.logical_id,
                f"CapacityType is CAPACITY_BLOCK and the launch template's MarketType {launch.market or 'not stated'}, "
                "expected capacity-block: set it there",
            )


def _architecture(template: Template) -> Iterator[Problem]:
    for group in template.of_type(NODE_GROUP):
        ami = group.get("AmiType")
        if not isinstance(ami, str) or ami == "CUSTOM":
            continue
        for kind in _known(template, group):
            arm = _ARM_AMI in ami
            if kind.architecture is not None and arm is not (kind.architecture == "arm64"):
                yield Problem(
                    group.logical_id,
                    f"AmiType is {ami} for {kind}, which is {kind.architecture}, expected one of that architecture: "
                    "change it",
                )
            elif (
                kind.accelerator_kind is not None
                and kind.accelerator_kind.upper() not in ami
                and "BOTTLEROCKET" not in ami
            ):
                yield Problem(
                    group.logical_id,
                    f"AmiType is {ami} for {kind}, expected one with {kind.accelerator_kind.upper()}: without its "
                    "driver, nodes count no accelerators",
                )


def _one_subnet(template: Template) -> Iterator[Problem]:
    for group in template.of_type(NODE_GROUP, AUTO_SCALING_GROUP):
        launch = launch_of(template, group)
        if launch is None or not (launch.has_efa or launch.market == "capacity-block"):
            continue
        path = "Subnets" if group.type == NODE_GROUP else "VPCZoneIdentifier"
        value = group.get(path)
        if isinstance(value, Unknown):
            yield cannot_tell(group.logical_id, path, value.reason)
        elif len(group.items(path)) > 1:
            yield Problem(
                group.logical_id,
                f"{path} has {len(group.items(path))} subnets, expected one, in the capacity's zone: EFA and a "
                "reservation end at the zone",
            )


def _ultraserver_size(template: Template) -> Iterator[Problem]:
    sizes: dict[str, set[int]] = {}
    for ultraserver in UltraServerType.all():
        if ultraserver.instance_type and ultraserver.instance_count:
            sizes.setdefault(str(ultraserver.instance_type), set()).add(ultraserver.instance_count)
    for group in template.of_type(NODE_GROUP):
        for kind in _known(template, group):
            most = group.get("ScalingConfig", "MaxSize")
            if str(kind) not in sizes or most is None:
                continue
            if isinstance(most, Unknown):
                yield cannot_tell(group.logical_id, "MaxSize", most.reason)
            elif int(most) not in sizes[str(kind)]:
                yield Problem(
                    group.logical_id,
                    f"MaxSize is {most} for {kind}, expected {' or '.join(map(str, sorted(sizes[str(kind)])))}: a node "
                    "group is one whole UltraServer",
                )


def _mixed(template: Template) -> Iterator[Problem]:
    for group in template.of_type(AUTO_SCALING_GROUP):
        launch = launch_of(template, group)
        if launch is not None and launch.market == "capacity-block" and group.get("MixedInstancesPolicy") is not None:
            yield Problem(
                group.logical_id,
                "MixedInstancesPolicy is used with a capacity block, expected LaunchTemplate: an Auto Scaling group "
                "takes one block and one type",
            )


def _zone(template: Template) -> Iterator[Problem]:
    for group in template.of_type(NODE_GROUP, AUTO_SCALING_GROUP):
        path = "Subnets" if group.type == NODE_GROUP else "VPCZoneIdentifier"
        for value in group.items(path):
            subnet = template.referred(value)
            zone = subnet.get("AvailabilityZone") if subnet is not None else None
            for kind in _known(template, group) if isinstance(zone, str) else ():
                if kind.zones and zone not in kind.zones:
                    yield Problem(
                        group.logical_id,
                        f"its subnet is in {zone}, expected {' or '.join(kind.zones)}: {kind} is nowhere else",
                    )


def _known(template: Template, group: Resource) -> list[InstanceType]:
    return [kind for kind in map(known_type, types_of(group, launch_of(template, group))) if kind is not None]


RULES = (
    Rule(
        id="capacity-type",
        severity=Severity.ERROR,
        protects_from="a node group that EKS refuses, or that launches beside the block",
        source="EKS user guide, Capacity Blocks with managed node groups (high)",
        remedy="CapacityType CAPACITY_BLOCK and MarketType capacity-block go together",
        check=_capacity_type,
    ),
    Rule(
        id="ami-architecture",
        severity=Severity.ERROR,
        protects_from="nodes that don't boot, or have no driver",
        source="EKS API, AmiType; catalog, architecture (high)",
        remedy="AL2023_ARM_64_NVIDIA for GB200, AL2023_x86_64_NVIDIA or _NEURON elsewhere",
        check=_architecture,
    ),
    Rule(
        id="one-subnet",
        severity=Severity.ERROR,
        protects_from="nodes that EFA doesn't join, and launches in zones without the capacity",
        source="EC2 user guide, EFA limitations and Capacity Blocks (high)",
        remedy="one subnet, in the capacity's zone",
        check=_one_subnet,
    ),
    Rule(
        id="ultraserver-size",
        severity=Severity.ERROR,
        protects_from="a rack of which a part is paid for and never used",
        source="EC2 user guide, UltraServers: instances of each (high)",
        remedy="MaxSize of one whole UltraServer, a node group for each",
        check=_ultraserver_size,
    ),
    Rule(
        id="mixed-instances-with-block",
        severity=Severity.ERROR,
        protects_from="an Auto Scaling group that launches nothing",
        source="Amazon EC2 Auto Scaling user guide, Capacity Blocks (high)",
        remedy="a plain LaunchTemplate",
        check=_mixed,
    ),
    Rule(
        id="zone",
        severity=Severity.ERROR,
        protects_from="launches in zones that don't have the type",
        source="EC2 user guide, P6e-GB200 in the Dallas Local Zone (high)",
        remedy="a subnet in the type's zone",
        check=_zone,
    ),
)
