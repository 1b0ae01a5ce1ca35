"""Rules of fleets of other services: compute environments of AWS Batch, clusters of HyperPod, fleets of EC2."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.node_group_rules import whole_ultraservers
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell, must_not_be_stated
from ultrafleet.templates.images import AL2, image_family
from ultrafleet.templates.launch import architecture_of, as_int, as_list
from ultrafleet.templates.node_group import launch_in
from ultrafleet.templates.other_fleets import BatchEnvironment, batch_environments, hyperpod_groups
from ultrafleet.templates.template import Template, mapping
from ultrafleet.templates.unknown import Unknown, text_of

_ONE_SUBNET: Final = "expected one, in the capacity's zone: EFA and reservations don't cross zones"
_FLEETS: Final = ("AWS::EC2::EC2Fleet", "AWS::EC2::SpotFleet")
_GPU_IMAGES: Final = ("NVIDIA",)


def _batch(template: Template) -> Iterator[Problem]:
    for environment in batch_environments(template):
        yield from _batch_subnets(environment)
        yield from _batch_placement(template, environment)
        yield from _batch_images(environment)
        yield from _batch_types(environment)
        key = environment.computes.get("Ec2KeyPair")
        message = "Ec2KeyPair is stated, expected none: use Session Manager, whose sessions are logged and need no port"
        for problem in must_not_be_stated(environment.logical_id, "Ec2KeyPair", key, message):
            yield Problem(problem.resource, problem.message, problem.severity or Severity.WARNING)


def _is_near(environment: BatchEnvironment) -> bool:
    """True if its instances have to be near each other: EFA, or capacity in one zone."""
    launch = environment.launch
    return launch is not None and (launch.has_efa or launch.is_for_block)


def _batch_subnets(environment: BatchEnvironment) -> Iterator[Problem]:
    stated = environment.computes.get("Subnets")
    if not (_is_near(environment) or _only_in_blocks(environment.types)):
        return
    if isinstance(stated, Unknown):
        yield cannot_tell(environment.logical_id, "Subnets", stated.reason)
    elif len(as_list(stated)) > 1:
        yield Problem(environment.logical_id, f"Subnets has {len(as_list(stated))} subnets, {_ONE_SUBNET}")


def _only_in_blocks(types: list[InstanceType]) -> bool:
    return any(set(kind.purchase_options or ()) == {"capacity-block"} for kind in types)


def _batch_placement(template: Template, environment: BatchEnvironment) -> Iterator[Problem]:
    stated, launch = environment.computes.get("PlacementGroup"), environment.launch
    if stated is None or launch is None:
        return
    made = template.referred(stated)
    strategy = made.get("Strategy") if made is not None else None
    if launch.is_for_block:
        message = (
            "PlacementGroup is stated beside a capacity block, expected none: EC2 refuses both together, remove it"
        )
        yield from must_not_be_stated(environment.logical_id, "PlacementGroup", stated, message)
    elif launch.has_efa and made is not None and strategy != "cluster" and not isinstance(strategy, Unknown):
        yield Problem(
            environment.logical_id,
            f"its placement group's Strategy is {strategy or 'not stated'}, expected cluster: EFA's latency needs it, "
            "change it",
            Severity.WARNING,
        )


def _batch_images(environment: BatchEnvironment) -> Iterator[Problem]:
    accelerated = [kind for kind in environment.types if kind.accelerator_kind == "nvidia"]
    images = [item for item in environment.items("Ec2Configuration") if isinstance(item, Mapping)]
    for item in images:
        kind = item.get("ImageType")
        named = item.get("ImageIdOverride")
        if isinstance(kind, str) and kind.split("_")[1:2] == ["AL2"]:
            yield Problem(
                environment.logical_id,
                f"ImageType is {kind}, expected one of Amazon Linux 2023: Amazon Linux 2 no longer gets images",
                Severity.WARNING,
            )
        elif isinstance(kind, str) and accelerated and named is None and not kind.endswith(_GPU_IMAGES):
            yield Problem(
                environment.logical_id,
                f"ImageType is {kind} for {accelerated[0]}, expected {kind}_NVIDIA: without its driver, nodes report "
                "no accelerators",
            )
        if image_family(named) == AL2:
            yield _old_image(environment, named)
    if image_family(environment.computes.get("ImageId")) == AL2:
        yield _old_image(environment, environment.computes.get("ImageId"))


def _old_image(environment: BatchEnvironment, image: Any) -> Problem:  # noqa: ANN401 - JSON
    path = str(text_of(image)).removeprefix("{{resolve:ssm:").removesuffix("}}")
    return Problem(
        environment.logical_id,
        f"its image is {path}, one of Amazon Linux 2, expected Amazon Linux 2023: Amazon Linux 2 no longer gets images",
        Severity.WARNING,
    )


def _batch_types(environment: BatchEnvironment) -> Iterator[Problem]:
    names = [name for name in environment.type_names if isinstance(name, str)]
    architectures = {name: found for name in names if (found := architecture_of(name)) is not None}
    launch = environment.launch
    if len(set(architectures.values())) > 1:
        yield Problem(
            environment.logical_id,
            f"InstanceTypes has {', '.join(architectures)} of different architectures, expected one: one image serves "
            "them all",
        )
    elif launch is not None and launch.has_efa and "optimal" in names:
        yield Problem(
            environment.logical_id,
            "InstanceTypes is optimal with EFA interfaces, expected a type with EFA: Batch takes any of the M, C and R "
            "families, most of which have none, name it",
        )
    unknown = next((name for name in environment.type_names if isinstance(name, Unknown)), None)
    if launch is not None and launch.has_efa and unknown is not None:
        yield cannot_tell(environment.logical_id, "InstanceTypes", unknown.reason)
    for kind in environment.types:
        if _only_in_blocks([kind]) and (launch is None or launch.market is None):
            yield Problem(
                environment.logical_id,
                f"InstanceTypes has {kind} without a launch template for a capacity block, expected one that names the "
                "block: EC2 sells it only as that",
            )
            break


def _hyperpod(template: Template) -> Iterator[Problem]:
    wholes, told = whole_ultraservers(), set()
    for group in hyperpod_groups(template):
        kind, subnets, cluster = group.type, group.subnets, group.cluster.logical_id
        if kind is None:
            continue
        whole, count = wholes.get(str(kind), set()), as_int(group.count)
        if whole and isinstance(group.count, Unknown):
            yield cannot_tell(cluster, f"InstanceCount of {group.name}", group.count.reason)
        elif whole and count and not any(count % one == 0 for one in whole):
            yield Problem(
                cluster,
                f"instance group {group.name} has {count} of {kind}, expected a multiple of "
                f"{' or '.join(map(str, sorted(whole)))}: UltraServers are whole, change InstanceCount",
            )
        if kind.max_efa_interfaces and len(subnets) > 1 and cluster not in told:
            told.add(cluster)
            yield Problem(
                cluster,
                f"instance group {group.name} of {kind} has {len(subnets)} subnets, {_ONE_SUBNET}, state "
                "OverrideVpcConfig",
                None if kind.is_ultraserver_member else Severity.WARNING,
            )


def _fleets(template: Template) -> Iterator[Problem]:
    for fleet in template.of_type(*_FLEETS):
        data = mapping(fleet.get("SpotFleetRequestConfigData")) or fleet.properties
        for config in as_list(data.get("LaunchTemplateConfigs")):
            place = mapping(config)
            launch = launch_in(template, place)
            overrides = [mapping(item) for item in as_list(place.get("Overrides"))]
            subnets = {repr(item["SubnetId"]) for item in overrides if item.get("SubnetId") is not None}
            zones = {repr(item["AvailabilityZone"]) for item in overrides if item.get("AvailabilityZone") is not None}
            many = max(len(subnets), len(zones))
            if launch is not None and (launch.has_efa or launch.is_for_block) and many > 1:
                what = "subnets" if len(subnets) > 1 else "zones"
                yield Problem(fleet.logical_id, f"Overrides has {many} {what}, {_ONE_SUBNET}")


RULES: Final = (
    PolicyRule(
        id="batch",
        number=72,
        severity=Severity.ERROR,
        protects_from="jobs of several nodes that EFA doesn't connect, or a compute environment that launches nothing",
        source=Source(
            "AWS Batch user guide, Elastic Fabric Adapter, compute environment parameters, compute resource AMIs",
            address="https://docs.aws.amazon.com/batch/latest/userguide/efa.html",
            also=(Source("capacity blocks behind Batch: EC2 user guide, Capacity Blocks", Confidence.MEDIUM),),
        ),
        remedy="one subnet, a cluster placement group without a block, an image with the driver, one architecture",
        check=_batch,
    ),
    PolicyRule(
        id="hyperpod",
        number=73,
        severity=Severity.ERROR,
        protects_from="an UltraServer that is billed whole and used in part, and nodes that EFA doesn't connect",
        source=Source(
            "EC2 user guide, UltraServers: instances of each, and EFA limitations; SageMaker API, ClusterInstanceGroup",
            address="https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ClusterInstanceGroupSpecification.html",
        ),
        remedy="whole UltraServers, and a subnet for each instance group by OverrideVpcConfig",
        check=_hyperpod,
    ),
    PolicyRule(
        id="ec2-fleet",
        number=74,
        severity=Severity.ERROR,
        protects_from="instances that EFA doesn't connect, and launches in zones without the capacity",
        source=Source("EC2 user guide, EFA limitations and Capacity Blocks"),
        remedy="overrides in one subnet, in the capacity's zone",
        check=_fleets,
    ),
)
