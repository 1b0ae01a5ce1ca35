"""Changes of a fleet, and what each has to be told as."""

from helpers.policy_templates import GRACE, NEURON, P6E
from helpers.review_access_scenarios import ACCESS_BEFORE, ACCESS_SCENARIOS
from helpers.review_block_scenarios import BLOCK_BEFORE, BLOCK_SCENARIOS
from helpers.review_fleet import (
    A_DATA,
    GB200,
    H200,
    RACK_A,
    RACK_B,
    RACKS,
    RESERVED,
    ROLLED_A,
    A,
    B,
    Edit,
    Scenario,
    Stacks,
    both,
    of,
    pool,
    put,
)
from helpers.review_name_scenarios import NAME_BEFORE, NAME_SCENARIOS
from helpers.review_rule_scenarios import RULE_BEFORE, RULE_SCENARIOS


def rack_added(content: Stacks) -> None:
    content["racks"]["Resources"] |= pool("rack-c", GRACE, 18, P6E, GB200, "cr-0ccccccccccccccc1")


def rack_removed(content: Stacks) -> None:
    for name in ("RackB", "RackBLaunch"):
        del content["racks"]["Resources"][name]


def rack_renamed(content: Stacks) -> None:
    resources = content["racks"]["Resources"]
    resources["FirstRack"] = resources.pop("RackA")


NAMED_VERSION = of("racks", "RackA", "LaunchTemplate", "Version", value="7")

SCENARIOS: dict[str, Scenario] = {
    **ACCESS_SCENARIOS,
    **BLOCK_SCENARIOS,
    **NAME_SCENARIOS,
    **RULE_SCENARIOS,
    "nothing": Scenario(edit=lambda _: None, says=("None found.", "0 of 3 pools change")),
    "a rack is added": Scenario(
        edit=rack_added,
        more=(1, 72, 18, 761.904),
        changed=frozenset({"fleet/rack-c"}),
        says=("| UltraServers | 2 | 3 | +1 |", "🟢 added", "+761.90"),
    ),
    "a rack is removed": Scenario(
        edit=rack_removed,
        hazards=frozenset({("blocking", "pool-removed", RACK_B)}),
        more=(-1, -72, -18, -761.904),
        changed=B,
        says=("🔴 removed", "-1,023,999"),
    ),
    "a stack is no longer there": Scenario(
        edit=lambda content: content.pop("racks"),
        hazards=frozenset({("blocking", "pool-removed", RACK_A), ("blocking", "pool-removed", RACK_B)}),
        more=(-2, -144, -36, -1523.808),
        changed=RACKS,
        says=("its stack is no longer among the templates", "no deployment deletes a stack"),
    ),
    "a pool's type is another": Scenario(
        edit=both(
            of("h200", "H200Launch", "LaunchTemplateData", "InstanceType", value="p6-b200.48xlarge"),
            of("h200", "Reserved", "InstanceType", value="p6-b200.48xlarge"),
        ),
        hazards=frozenset(
            {
                ("blocking", "pool-type-changed", H200),
                ("blocking", "pool-rolled", H200),
                ("blocking", "replaced", RESERVED),
            }
        ),
        changed=frozenset({H200}),
        says=("p5en.48xlarge → p6-b200.48xlarge",),
    ),
    "a pool's accelerator is another": Scenario(
        edit=both(
            of("h200", "H200Launch", "LaunchTemplateData", "InstanceType", value="trn2.48xlarge"),
            of("h200", "H200", "AmiType", value=NEURON),
        ),
        hazards=frozenset(
            {
                ("blocking", "pool-replaced", H200),
                ("blocking", "pool-type-changed", H200),
            }
        ),
        more=(0, 32, 0, 0.0),
        changed=frozenset({H200}),
        says=("the update is refused and the stack rolls back: AmiType can't be updated in place",),
    ),
    "a label is another": Scenario(
        edit=of("racks", "RackA", "Labels", "pool", value="first"),
        changed=A,
        says=("Labels (pool `rack-a` → `first`)",),
    ),
    "a pool's orders to the schedule go": Scenario(
        edit=of("racks", "RackA", "Tags", value={"team": "ml"}),
        hazards=frozenset({("notice", "schedule-orders", RACK_A)}),
        changed=A,
        says=("the block schedule no longer scales the node group",),
    ),
    "a reservation is swapped": Scenario(
        edit=of(
            "racks",
            *A_DATA,
            "CapacityReservationSpecification",
            "CapacityReservationTarget",
            value={"CapacityReservationId": "cr-0fffffffffffffff1"},
        ),
        hazards=ROLLED_A | {("blocking", "reservation-moved", RACK_A)},
        changed=A,
        says=("cr-0aaaaaaaaaaaaaaa1 → cr-0fffffffffffffff1",),
    ),
    "a reservation is swapped in a version that the pool doesn't name": Scenario(
        edit=of(
            "racks",
            *A_DATA,
            "CapacityReservationSpecification",
            "CapacityReservationTarget",
            value={"CapacityReservationId": "cr-0fffffffffffffff1"},
        ),
        hazards=frozenset({("notice", "reservation-moved", RACK_A), ("notice", "template-version", RACK_A)}),
        changed=A,
        says=("once the pool names the new version",),
    ),
    "a pool names another version": Scenario(
        edit=of("racks", "RackA", "LaunchTemplate", "Version", value="8"),
        hazards=ROLLED_A,
        changed=A,
        says=("LaunchTemplate/Version: 7 → 8",),
    ),
    "a reservation is dropped": Scenario(
        edit=both(
            of("racks", *A_DATA, "CapacityReservationSpecification", value=None),
            of("racks", *A_DATA, "InstanceMarketOptions", value=None),
        ),
        hazards=ROLLED_A | {("blocking", "reservation-dropped", RACK_A)},
        changed=A,
    ),
    "a reservation made here is cancelled": Scenario(
        edit=both(
            put("h200", "Resources", "Reserved", value=None),
            of("h200", "H200Launch", "LaunchTemplateData", "CapacityReservationSpecification", value=None),
        ),
        hazards=frozenset(
            {
                ("blocking", "pool-rolled", H200),
                ("blocking", "reservation-dropped", H200),
                ("blocking", "reservation-dropped", RESERVED),
            }
        ),
        changed=frozenset({H200}),
    ),
    "a reservation made here is smaller": Scenario(
        edit=of("h200", "Reserved", "InstanceCount", value=2),
        hazards=frozenset({("blocking", "reservation-lowered", RESERVED)}),
        changed=frozenset({H200}),
    ),
    "user data is another": Scenario(
        edit=of("racks", *A_DATA, "UserData", value="TUlNRS1WZXJzaW9uOiAxLjAK"),
        hazards=ROLLED_A,
        changed=A,
        says=("a rolling update replaces every node",),
    ),
    "a pool has fewer nodes": Scenario(
        edit=of("racks", "RackA", "ScalingConfig", "MaxSize", value=9),
        hazards=frozenset({("blocking", "pool-scaled-down", RACK_A)}),
        more=(0, -36, -9, -380.952),
        changed=A,
        says=("from 18 to 9 nodes", "1 u-p6e-gb200x72 → 1 u-p6e-gb200x36"),
    ),
    "a pool's desired size is smaller": Scenario(
        edit=both(
            of("h200", "H200", "ScalingConfig", "DesiredSize", value=1),
        ),
        hazards=frozenset({("blocking", "pool-scaled-down", H200)}),
        changed=frozenset({H200}),
        says=("ScalingConfig/DesiredSize goes from 4 to 1",),
    ),
    "a pool's resource has another name": Scenario(
        edit=rack_renamed, hazards=frozenset({("blocking", "pool-replaced", RACK_A)}), changed=A
    ),
    "a pool moves to another subnet": Scenario(
        edit=of("racks", "RackA", "Subnets", value=["subnet-9"]),
        hazards=frozenset({("blocking", "pool-replaced", RACK_A)}),
        changed=A,
    ),
    "a pool without a name moves to another subnet": Scenario(
        edit=of("racks", "RackB", "Subnets", value=["subnet-9"]),
        hazards=frozenset({("blocking", "pool-replaced", "fleet/RackB")}),
        changed=frozenset({"fleet/RackB"}),
        says=("its nodes are terminated once the new group exists",),
    ),
    "taints are others": Scenario(
        edit=of("racks", "RackA", "Taints", value=[{"Key": "x", "Effect": "NO_EXECUTE"}]),
        hazards=frozenset({("notice", "taints", RACK_A)}),
        changed=A,
    ),
    "a pool is tested from now on": Scenario(
        edit=of("racks", "RackA", "Taints", value=[{"Key": "ultrafleet/unproven", "Effect": "NO_SCHEDULE"}]),
        hazards=frozenset({("notice", "taints", RACK_A)}),
        changed=A,
        says=("none evicts a pod; nodes that run take no new pods until the acceptance gate has seen them",),
    ),
    "a pool holds spare nodes from now on": Scenario(
        edit=of("racks", "RackA", "Taints", value=[{"Key": "ultrafleet/spare", "Effect": "NO_SCHEDULE"}]),
        hazards=frozenset({("notice", "taints", RACK_A)}),
        changed=A,
        says=("none evicts a pod; nodes that run take no new pods until they are opened, within minutes",),
    ),
    "a volume is larger": Scenario(
        edit=of("racks", *A_DATA, "BlockDeviceMappings", 0, "Ebs", "VolumeSize", value=400),
        hazards=ROLLED_A,
        changed=A,
        says=("LaunchTemplateData (BlockDeviceMappings/0/Ebs/VolumeSize `200` → `400`) (new version)",),
    ),
    "two pools name one block": Scenario(
        edit=of(
            "racks",
            "RackBLaunch",
            "LaunchTemplateData",
            "CapacityReservationSpecification",
            "CapacityReservationTarget",
            value={"CapacityReservationId": "cr-0aaaaaaaaaaaaaaa1"},
        ),
        hazards=frozenset(
            {
                ("blocking", "pool-rolled", RACK_B),
                ("blocking", "reservation-moved", RACK_B),
                ("notice", "reservation-shared", RACK_A),
            }
        ),
        changed=B,
    ),
    "a pool may have more nodes": Scenario(
        edit=both(
            of("h200", "H200", "ScalingConfig", "MaxSize", value=6),
            of("h200", "H200", "ScalingConfig", "DesiredSize", value=6),
        ),
        more=(0, 16, 2, 0.0),
        changed=frozenset({H200}),
    ),
    "nothing but the way it is written": Scenario(
        edit=both(
            of("h200", "H200", "ScalingConfig", "MaxSize", value="4"),
            of("cluster", "Fleet", "DeletionProtection", value="true"),
            of("cluster", "Role", "Policies", 0, "PolicyDocument", "Statement", 0, "Action", value=["s3:Get*"]),
        ),
        says=("None found.", "0 of 3 pools change"),
    ),
}

BEFORE: dict[str, Edit] = {
    **ACCESS_BEFORE,
    **BLOCK_BEFORE,
    **NAME_BEFORE,
    **RULE_BEFORE,
    "a reservation is swapped in a version that the pool doesn't name": NAMED_VERSION,
    "a pool names another version": NAMED_VERSION,
    "a pool's desired size is smaller": of("h200", "H200", "ScalingConfig", "DesiredSize", value=4),
    "a pool without a name moves to another subnet": of("racks", "RackB", "NodegroupName", value=None),
    "a pool may have more nodes": of("h200", "H200", "ScalingConfig", "DesiredSize", value=4),
}
"""Resources of the base in addition."""
