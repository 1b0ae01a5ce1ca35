"""Changes of pools on blocks, in the shape of this library: a node group for each block."""

import json
from typing import Any

from helpers.policy_templates import GRACE, P6E
from helpers.review_fleet import A_DATA, CLUSTER, GB200, RACK_A, A, Edit, Scenario, Stacks, Told, both, of, pool, put
from ultrafleet.kubernetes.labels import POOL_LABEL

Block = tuple[str, str, str]
"""Reservation, first and last day."""

FINISHED: Block = ("cr-0ccccccccccccccc0", "2026-11-01", "2026-11-20")
FIRST: Block = ("cr-0ccccccccccccccc1", "2026-11-20", "2026-12-15")
SECOND: Block = ("cr-0ccccccccccccccc2", "2026-12-15", "2027-01-26")
OVERLAPPING: Block = ("cr-0ccccccccccccccc2", "2026-12-10", "2027-01-26")
OTHER: Block = ("cr-0ddddddddddddddd1", "2026-12-15", "2027-02-26")
RACK_C, RACK_D = "fleet/rack-c", "fleet/rack-d"
RACK_USD = 761.904


def group_of(pool_name: str, block: Block) -> str:
    """Title of the node group of a block."""
    return f"fleet/{pool_name}-{block[0]}"


def _window(block: Block, **more: Any) -> dict[str, Any]:
    name, start, end = block
    moments = {"start": f"{start}T11:30:00Z", "end": f"{end}T11:30:00Z"}
    return {"id": name, "instances": 18, **moments, **more}


def of_blocks(pool_name: str, *blocks: Block, existing: Block | None = None) -> Edit:
    """Stack of a pool with a node group for each block; one of them may be run by a node group of the pool's name."""
    content: dict[str, Any] = {"Metadata": {}, "Resources": {}}
    for block in blocks:
        name = f"{pool_name}-{block[0]}"
        made = pool(name, GRACE, 18, P6E, GB200, block[0])
        group = made[name.title().replace("-", "")]
        group["Properties"]["Labels"] = {POOL_LABEL: pool_name}
        content["Resources"] |= made
        content["Metadata"][f"ultrafleet:{name}"] = {"blocks": [_window(block)]}
    if existing is not None:
        window = _window(existing, existing_node_group=True)
        content["Metadata"][f"ultrafleet:{pool_name}"] = {"blocks": [window]}
    return put(f"pool-{pool_name}", value=content)


def on_demand(pool_name: str) -> Edit:
    """Stack of a pool that isn't on blocks."""
    made = pool(pool_name, GRACE, 18, P6E, GB200, None)
    made[pool_name.title().replace("-", "")]["Properties"]["Labels"] = {POOL_LABEL: pool_name}
    return put(f"pool-{pool_name}", value={"Resources": made})


def old_shape(pool_name: str, *blocks: Block) -> Edit:
    """Stack of a pool of earlier releases: one node group on a resource group of its blocks."""
    made = pool(pool_name, GRACE, 18, P6E, GB200, blocks[0][0])
    made["RackC"]["Properties"]["Labels"] = {POOL_LABEL: pool_name}
    made["RackC"]["Properties"]["Tags"] = {
        "ultrafleet:schedule": "capacity-blocks",
        "ultrafleet:capacity-block-group": f"fleet-{pool_name}",
        "ultrafleet:drain-lead-minutes": "90",
    }
    arn = "arn:aws:ec2:us-east-1:111122223333:capacity-reservation/"
    made["Blocks"] = {
        "Type": "AWS::ResourceGroups::Group",
        "Properties": {"Name": f"fleet-{pool_name}", "Resources": [f"{arn}{name}" for name, _, _ in blocks]},
    }
    made["RackCLaunch"]["Properties"]["LaunchTemplateData"]["CapacityReservationSpecification"] = {
        "CapacityReservationTarget": {"CapacityReservationResourceGroupArn": {"Fn::GetAtt": ["Blocks", "Arn"]}}
    }
    metadata = {f"ultrafleet:{pool_name}": {"blocks": [_window(block) for block in blocks]}}
    return put(f"pool-{pool_name}", value={"Metadata": metadata, "Resources": made})


def queue_of(accelerators: int, *pools: str) -> Edit:
    """A cluster queue that has as many accelerators of each pool; without pools of rack-c."""
    names = pools or ("rack-c",)
    resources = [{"name": "nvidia.com/gpu", "nominalQuota": str(accelerators)}]
    objects = [
        *(
            {"kind": "ResourceFlavor", "metadata": {"name": name}, "spec": {"nodeLabels": {POOL_LABEL: name}}}
            for name in names
        ),
        {
            "kind": "ClusterQueue",
            "metadata": {"name": "training"},
            "spec": {"resourceGroups": [{"flavors": [{"name": name, "resources": resources} for name in names]}]},
        },
    ]
    manifest = {
        "Type": "Custom::AWSCDK-EKS-KubernetesResource",
        "Properties": {"ClusterName": "fleet", "Manifest": json.dumps(objects)},
    }
    return put("h200", "Resources", "Queue", value=manifest)


def renamed(content: Stacks) -> None:
    del content["pool-rack-c"]
    of_blocks("rack-d", FIRST)(content)


def told(level: str, kind: str, *subjects: str) -> frozenset[Told]:
    return frozenset((level, kind, subject) for subject in subjects)


C = frozenset({RACK_C})
AUTHENTICATION = ("AccessConfig", "AuthenticationMode")

BLOCK_SCENARIOS: dict[str, Scenario] = {
    "a block is appended": Scenario(
        edit=of_blocks("rack-c", FIRST, SECOND),
        changed=C,
        says=(
            "None found.",
            "🟢 new",
            "| `fleet/rack-c` | 🟡 changed | `p6e-gb200.36xlarge` | 18 | 1 u-p6e-gb200x72 |",
        ),
    ),
    "a block is appended that overlaps": Scenario(
        edit=of_blocks("rack-c", FIRST, OVERLAPPING),
        changed=C,
        more=(1, 72, 18, RACK_USD),
        says=("None found.", "18 → 36 | 1 u-p6e-gb200x72 → 2 u-p6e-gb200x72"),
    ),
    "a block that is over is taken out": Scenario(
        edit=of_blocks("rack-c", FIRST), changed=C, says=("None found.", "⚪ removed, over")
    ),
    "a block that is over is swapped for the next": Scenario(
        edit=of_blocks("rack-c", FIRST), changed=C, more=(1, 72, 18, RACK_USD), says=("None found.",)
    ),
    "the stack of a pool whose block is over goes": Scenario(
        edit=lambda content: content.pop("pool-rack-c"),
        hazards=told("notice", "pool-removed", group_of("rack-c", FINISHED)),
        changed=C,
        says=("delete stack pool-rack-c", "⚪ removed, over"),
    ),
    "a block that is over is added": Scenario(
        edit=of_blocks("rack-c", FINISHED, FIRST),
        hazards=told("notice", "block-over", group_of("rack-c", FINISHED)),
        changed=C,
        says=("🟢 new, over",),
    ),
    "a running block is taken out": Scenario(
        edit=of_blocks("rack-c", SECOND),
        hazards=told("blocking", "pool-removed", group_of("rack-c", FIRST)),
        changed=C,
        says=("is deleted, with its nodes", f"{FIRST[0]} is billed until its end", "🔴 removed"),
    ),
    "a block that hasn't started is taken out": Scenario(
        edit=of_blocks("rack-c", FIRST),
        hazards=told("blocking", "pool-removed", group_of("rack-c", SECOND))
        | told("notice", "block-without-successor", RACK_C),
        changed=C,
        says=("has no nodes before its block starts at 2026-12-15 11:30 UTC", f"{SECOND[0]} is billed until its end"),
    ),
    "a running block is swapped": Scenario(
        edit=of_blocks("rack-c", SECOND),
        hazards=told("blocking", "pool-removed", group_of("rack-c", FIRST)),
        changed=C,
    ),
    "a block moves to another pool": Scenario(
        edit=both(of_blocks("rack-c", FIRST), of_blocks("rack-d", SECOND, OTHER)),
        hazards=told("blocking", "block-moved", group_of("rack-c", SECOND))
        | told("notice", "block-without-successor", RACK_C),
        more=(1, 72, 18, RACK_USD),
        changed=frozenset({RACK_C, RACK_D}),
        says=(f"block {SECOND[0]} moves to `fleet/rack-d-{SECOND[0]}`",),
    ),
    "a pool is renamed": Scenario(
        edit=renamed,
        hazards=told("blocking", "pool-renamed", group_of("rack-c", FIRST)),
        changed=frozenset({RACK_C, RACK_D}),
        says=("it looks like a rename", "is still occupied", "two node groups are on one block"),
    ),
    "a pool gets the shape of this release": Scenario(
        edit=of_blocks("rack-c", FIRST, SECOND),
        hazards=told("blocking", "old-shape-replaced", RACK_C),
        changed=C,
        says=("is deleted with its nodes (18 p6e-gb200.36xlarge) unless it is orphaned", "docs/migration.md"),
    ),
    "a pool that isn't on blocks gets one": Scenario(
        edit=of_blocks("rack-c", SECOND),
        hazards=told("blocking", "pool-removed", RACK_C),
        changed=C,
        more=(0, 0, 0, RACK_USD),  # such a pool has no price
        says=("node group rack-c is deleted, with its nodes: 18 p6e-gb200.36xlarge are terminated",),
    ),
    "an empty pool gets the shape of this release": Scenario(
        edit=of_blocks("rack-c", SECOND),
        hazards=told("blocking", "old-shape-replaced", RACK_C),
        changed=C,
        says=("it is empty until 2026-12-15 11:30 UTC, and nothing is lost before",),
    ),
    "a queue has more than the blocks of its pool": Scenario(
        edit=both(of_blocks("rack-c", FIRST), queue_of(144)),
        hazards=told("blocking", "pool-removed", group_of("rack-c", OVERLAPPING))
        | told("notice", "block-without-successor", RACK_C)
        | told("notice", "queue-quota", "fleet/training"),
        more=(-1, -72, -18, -RACK_USD),
        changed=C,
        says=("may give out 144 accelerators, and the blocks of its pools have 72 at once",),
    ),
    "a queue has as much as two overlapping blocks": Scenario(
        edit=both(of_blocks("rack-c", FIRST, OVERLAPPING), queue_of(144)),
        changed=frozenset({RACK_C, "fleet/h200"}),
        more=(1, 72, 18, RACK_USD),
        says=("None found.",),
    ),
    "a pool gets the shape of this release, its node group orphaned": Scenario(
        edit=of_blocks("rack-c", SECOND, existing=FIRST),
        hazards=told("notice", "pool-orphaned", RACK_C),
        changed=C,
        says=("Counted by their block metadata, made by no template: `fleet/rack-c`", "cdk orphan"),
    ),
    "the only block of a pool is run by a node group made elsewhere": Scenario(
        edit=of_blocks("rack-c", existing=FIRST),
        hazards=told("notice", "pool-orphaned", RACK_C),
        changed=C,
    ),
    "a node group made elsewhere is no longer counted": Scenario(
        edit=of_blocks("rack-c", SECOND),
        hazards=told("notice", "pool-retained", RACK_C),
        changed=C,
        says=("runs outside of any stack, stays there, and is no longer counted",),
    ),
    "a node group made elsewhere is no longer counted, its block over": Scenario(
        edit=of_blocks("rack-c", FIRST), changed=C, says=("None found.",)
    ),
    "the reservation of a launch template is swapped once its block is over": Scenario(
        edit=of(
            "racks",
            *A_DATA,
            "CapacityReservationSpecification",
            "CapacityReservationTarget",
            value={"CapacityReservationId": "cr-0fffffffffffffff1"},
        ),
        hazards=told("notice", "pool-rolled", RACK_A),
        more=(1, 72, 18, RACK_USD),
        changed=A,
        says=("its blocks are over, so that no node runs",),
    ),
    "the schedule follows another block": Scenario(
        edit=of("racks", "RackA", "Tags", "ultrafleet:capacity-reservation", value="cr-0fffffffffffffff1"),
        hazards=told("blocking", "schedule-orders", RACK_A),
        changed=A,
        says=("cr-0aaaaaaaaaaaaaaa1 → cr-0fffffffffffffff1",),
    ),
    "the schedule no longer knows its block": Scenario(
        edit=of("racks", "RackA", "Tags", "ultrafleet:capacity-reservation", value=None),
        hazards=told("notice", "schedule-orders", RACK_A),
        changed=A,
    ),
    "the schedule is told the block that the nodes are in": Scenario(
        edit=of("racks", "RackA", "Tags", "ultrafleet:capacity-reservation", value="cr-0aaaaaaaaaaaaaaa1"),
        changed=A,
        says=("None found.",),
    ),
    "a version and labels together": Scenario(
        edit=both(
            of("racks", *A_DATA, "UserData", value="TUlNRS1WZXJzaW9uOiAxLjAK"),
            of("racks", "RackA", "Labels", "pool", value="first"),
        ),
        hazards=told("blocking", "refused", RACK_A),
        changed=A,
        says=("EKS takes LaunchTemplate/Version alone, not together with Labels", "two deployments"),
    ),
    "the authentication mode in one step": Scenario(
        edit=of("cluster", "Fleet", *AUTHENTICATION, value="API"),
        hazards=told("blocking", "refused", CLUSTER),
        says=(r"deploy API\_AND\_CONFIG\_MAP first",),
    ),
    "the authentication mode one step on": Scenario(
        edit=of("cluster", "Fleet", *AUTHENTICATION, value="API_AND_CONFIG_MAP"), says=("None found.",)
    ),
    "an update strategy is lost": Scenario(
        edit=of("racks", "RackA", "UpdateConfig", "UpdateStrategy", value=None),
        hazards=told("notice", "update-strategy", RACK_A),
        changed=A,
        says=("MINIMAL → none",),
    ),
    "a size is smaller beside no desired size": Scenario(
        edit=of("racks", "RackA", "ScalingConfig", "MaxSize", value=9),
        hazards=told("blocking", "pool-scaled-down", RACK_A),
        more=(0, -36, -9, -380.952),
        changed=A,
        says=("from 18 to 9 nodes", "EKS refuses one below the size that the node group has"),
    ),
    "an update strategy is lost where nothing is reserved": Scenario(
        edit=of("spare", "Spare", "UpdateConfig", "UpdateStrategy", value=None),
        changed=frozenset({"fleet/spare"}),
        says=("None found.",),
    ),
    "a desired size of none is stated on a block": Scenario(
        edit=of("racks", "RackA", "ScalingConfig", "DesiredSize", value=0),
        hazards=told("blocking", "pool-resized", RACK_A),
        changed=A,
        says=("CloudFormation sends DesiredSize 0 with it",),
    ),
    "a desired size is no longer stated": Scenario(
        edit=of("racks", "RackA", "ScalingConfig", "DesiredSize", value=None), changed=A, says=("None found.",)
    ),
    "a size changes beside no desired size": Scenario(
        edit=of("racks", "RackA", "ScalingConfig", "MinSize", value=1),
        hazards=frozenset({("notice", "refused", RACK_A)}),
        changed=A,
        says=("EKS refuses the update while the node group has fewer nodes",),
    ),
}

BLOCK_BEFORE: dict[str, Edit] = {
    "a block is appended": of_blocks("rack-c", FIRST),
    "a block is appended that overlaps": of_blocks("rack-c", FIRST),
    "a block that is over is taken out": of_blocks("rack-c", FINISHED, FIRST),
    "a block that is over is swapped for the next": of_blocks("rack-c", FINISHED),
    "the stack of a pool whose block is over goes": of_blocks("rack-c", FINISHED),
    "a block that is over is added": of_blocks("rack-c", FIRST),
    "a running block is taken out": of_blocks("rack-c", FIRST, SECOND),
    "a block that hasn't started is taken out": of_blocks("rack-c", FIRST, SECOND),
    "a running block is swapped": of_blocks("rack-c", FIRST),
    "a block moves to another pool": both(of_blocks("rack-c", FIRST, SECOND), of_blocks("rack-d", OTHER)),
    "a pool is renamed": of_blocks("rack-c", FIRST),
    "a pool gets the shape of this release": old_shape("rack-c", FIRST, SECOND),
    "a pool that isn't on blocks gets one": on_demand("rack-c"),
    "an empty pool gets the shape of this release": old_shape("rack-c", SECOND),
    "a queue has more than the blocks of its pool": both(of_blocks("rack-c", FIRST, OVERLAPPING), queue_of(144)),
    "a queue has as much as two overlapping blocks": both(of_blocks("rack-c", FIRST), queue_of(72)),
    "a pool gets the shape of this release, its node group orphaned": old_shape("rack-c", FIRST, SECOND),
    "the only block of a pool is run by a node group made elsewhere": old_shape("rack-c", FIRST),
    "a node group made elsewhere is no longer counted": of_blocks("rack-c", SECOND, existing=FIRST),
    "a node group made elsewhere is no longer counted, its block over": of_blocks("rack-c", FIRST, existing=FINISHED),
    "the reservation of a launch template is swapped once its block is over": put(
        "racks", "Metadata", "ultrafleet:rack-a", value={"blocks": [_window(("cr-0aaaaaaaaaaaaaaa1", *FINISHED[1:]))]}
    ),
    "the schedule is told the block that the nodes are in": of(
        "racks", "RackA", "Tags", "ultrafleet:capacity-reservation", value=None
    ),
    "the authentication mode in one step": of(
        "cluster", "Fleet", "AccessConfig", value={"AuthenticationMode": "CONFIG_MAP"}
    ),
    "the authentication mode one step on": of(
        "cluster", "Fleet", "AccessConfig", value={"AuthenticationMode": "CONFIG_MAP"}
    ),
    "an update strategy is lost where nothing is reserved": put(
        "spare", value={"Resources": pool("spare", GRACE, 18, P6E, GB200, None)}
    ),
    "a desired size is no longer stated": of("racks", "RackA", "ScalingConfig", "DesiredSize", value=0),
}
"""Edits of the base that come before those of the scenario."""
