"""Hazards of sizes and zones: updates that the service refuses, and groups that leave the zone of their capacity."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_pool
from ultrafleet.review.pool_change import PoolChange, of_pools, shown
from ultrafleet.templates.launch import as_int
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, NODE_GROUP

IN_SERVICE: Final = Source(
    "CloudFormation, UpdatePolicy attribute: MinInstancesInService must be less than the group's MaxSize",
    Confidence.HIGH,
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html",
)
SIZES: Final = Source(
    "EKS API reference, NodegroupScalingConfig: minSize <= desiredSize <= maxSize; terraform-aws-eks #835: 'Minimum "
    "capacity can't be greater than desired size'",
    Confidence.HIGH,
    "https://docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupScalingConfig.html",
)
_ZONAL: Final = ("VPCZoneIdentifier", "AvailabilityZones", "SubnetIds")


def refused_size(pool: PoolChange) -> Iterator[Occurrence]:
    """Sizes of a node group that EKS refuses, or may refuse."""
    change = pool.updated
    if change is None or change.type != NODE_GROUP or pool.update.refused:
        return
    smallest = [as_int(side) for side in change.get("ScalingConfig", "MinSize")]
    desired = change.get("ScalingConfig", "DesiredSize")[1]
    now, stated = smallest[1], as_int(desired)
    if now is None or not any(path.startswith("ScalingConfig") for path in change.paths):
        return
    if stated is not None and stated < now:
        yield of_pool(
            pool.after,
            f"the update is refused and the stack rolls back: MinSize {now} is above DesiredSize {stated}; raise both, "
            "or neither",
        )
    elif desired is None and (smallest[0] or 0) < now:
        yield of_pool(
            pool.after,
            f"MinSize goes from {shown(change.get('ScalingConfig', 'MinSize')[0])} to {now}, and no DesiredSize is "
            "stated: EKS refuses the update while the node group has fewer nodes, and the stack rolls back; leave "
            "MinSize 0, or change it while that many run",
            level=Level.NOTICE,
        )


def refused_roll(pool: PoolChange) -> Iterator[Occurrence]:
    """Rolling update of an Auto Scaling group that CloudFormation refuses."""
    change = pool.change
    if change is None or change.type != AUTO_SCALING_GROUP or change.after is None or not pool.by_update_policy:
        return
    policy = change.after.raw.get("UpdatePolicy")
    rolling = policy.get("AutoScalingRollingUpdate") if isinstance(policy, dict) else None
    kept = as_int(rolling.get("MinInstancesInService")) if isinstance(rolling, dict) else None
    most = as_int(change.after.get("MaxSize"))
    if kept is not None and most is not None and kept >= most:
        yield of_pool(
            pool.after,
            f"the update is refused and the stack rolls back: MinInstancesInService {kept} of its UpdatePolicy isn't "
            f"less than MaxSize {most}; state at most {max(most - 1, 0)}, and none on a full reservation",
        )


refused_sizes = of_pools(refused_size)
"""Check of sizes of node groups that EKS refuses."""
refused_rolls = of_pools(refused_roll)
"""Check of rolling updates of Auto Scaling groups that CloudFormation refuses."""


def _moved(pool: PoolChange) -> Iterator[Occurrence]:
    change = pool.updated
    if change is None or not pool.after.reservations or change.type == NODE_GROUP:
        return  # a node group is replaced with its subnets
    paths = [path for path in change.paths if path.startswith(_ZONAL)]
    before, after = pool.before.zone, pool.after.zone
    if not paths or (before is not None and before == after):
        return
    where = f"{before} → {after}" if before and after else "to other subnets, whose zones aren't known here"
    yield of_pool(
        pool.after,
        f"{', '.join(paths)} moves the group ({where}): its reservation "
        f"({', '.join(pool.after.reservations)}) is in one zone, so that Auto Scaling ends what runs outside of the "
        "new ones, and launches there find no capacity",
        level=None if before and after else Level.NOTICE,
    )


RULES: Final = (
    HazardRule(
        id="zone-moved",
        level=Level.BLOCKING,
        protects_from="instances that are ended because their group no longer has the zone of its reservation",
        source=Source(
            "EC2 Auto Scaling user guide, Availability Zones: instances in zones that are taken out are replaced in "
            "the others; EC2 user guide, Capacity Reservations: a reservation is for one zone"
        ),
        remedy="keep the subnets of the reservation's zone; make a group for another reservation",
        check=of_pools(_moved),
    ),
)
