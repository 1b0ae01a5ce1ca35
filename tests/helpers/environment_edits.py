"""An edit of every field of an environment file, and what each may do to pools that run."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from helpers.environment_changes import (
    Change,
    append,
    as_cell,
    as_manager,
    as_ultraserver,
    each,
    extend,
    later_block,
    put,
    queue_put,
    rebuilt,
    remove,
    renamed,
    replace_text,
    second_rack,
    start_later,
    worker_put,
)
from helpers.workload_edits import (
    ACCEPTANCE_FIELDS,
    ARGO_CD_FIELDS,
    CLIENT_FIELDS,
    FILE_SYSTEM_FIELDS,
    KUBERNETES_FIELDS,
    MODEL_FIELDS,
    RACK_SCALE_FIELDS,
    TARGET_FIELDS,
    TARGET_STEP_FIELDS,
    TEAM_FIELDS,
    accepted,
    argo_cd,
    bigger_file_system,
    instances_targeted,
    model_added,
    models_removed,
    nothing_delivered,
    over_racks,
    paid,
    plain_http,
    rack_removed,
    targeted,
    team_added,
    team_removed,
)


class Verdict(StrEnum):
    """Permitted effect of an edit on a running pool."""

    UNTOUCHED = "untouched"
    REFUSED = "refused"
    """CloudFormation refuses the update of the stack, before anything that runs is touched."""
    HAZARD = "hazard"
    """It takes nodes away, and `ultrafleet preflight` says so while nodes run."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One edit.

    Attributes:
        field: the field it covers, as `Model.field`.
        environment: shipped environment that is edited.
        change: the edit.
        verdict: what it may do.
        reason: why it may, where it does.
        touches: what it touches, where that is allowed: exactly this, as `Type property`.
        before: made to the file before the edit, where the shipped one lacks something.
        label: tells edits of one field apart.
    """

    field: str
    environment: str
    change: Change
    verdict: Verdict = Verdict.UNTOUCHED
    reason: str = ""
    touches: frozenset[str] = frozenset()
    before: Change | None = None
    label: str = ""

    @property
    def name(self) -> str:
        return f"{self.field}{' ' + self.label if self.label else ''}"


U, R, H = Verdict.UNTOUCHED, Verdict.REFUSED, Verdict.HAZARD

NO_GUARANTEE = put("teams", "pretraining", guaranteed_nodes={})
"""A team that is guaranteed no nodes, so that pools may go."""
SPARE = append(
    "network",
    "subnets",
    item={"name": "spare", "kind": "accelerator", "availability_zone": "us-east-1-dfw-2a", "cidr": "10.64.128.0/19"},
)
SPARE_A = append(
    "network",
    "subnets",
    item={"name": "spare", "kind": "accelerator", "availability_zone": "us-east-1a", "cidr": "10.80.128.0/23"},
)
IMPORTED = each(
    put("capacity_reservations", "b300", capacity_reservation_id="cr-0eeeeeeeeeeeeeee1", placement_group=None),
    put("capacity_reservations", "b300", placement_group_name="made-elsewhere"),
)
NEW_NAME = "a node group of the same name: CloudFormation can't replace it"
KUBECTL_IN_USE = "models' and teams' stacks import the function that applies their objects: remove them before"
IN_USE = "the export that pools import would change"


VERSION = ("Nodegroup LaunchTemplate/Version",)
MAX_SIZE = ("Nodegroup ScalingConfig/MaxSize",)
DESIRED_SIZE = ("Nodegroup ScalingConfig/DesiredSize",)
LEAD = ("Nodegroup Tags/ultrafleet:drain-lead-minutes",)
SCHEDULE = ("Nodegroup Tags/ultrafleet:schedule",)
BLOCK_LESS = ("LaunchTemplate removed", "Nodegroup removed")


def edit(
    field: str,
    environment: str,
    change: Change,
    verdict: Verdict = U,
    reason: str = "",
    touches: tuple[str, ...] = (),
    **given: Any,
) -> Edit:
    return Edit(
        field=field,
        environment=environment,
        change=change,
        verdict=verdict,
        reason=reason,
        touches=frozenset(touches),
        **given,
    )


def _pool_edits(kind: str, environment: str, pool: str) -> list[Edit]:
    """Fields that both kinds of pool have, on a pool with capacity blocks."""
    spare = SPARE if environment == "training" else SPARE_A
    at = ("pools", pool)
    return [
        edit(f"{kind}.name", environment, renamed(pool)),
        edit(f"{kind}.subnet", environment, put(*at, subnet="spare"), R, NEW_NAME, before=spare),
        edit(
            f"{kind}.workload",
            environment,
            put(*at, workload="inference" if environment == "training" else "training"),
            before=NO_GUARANTEE if environment == "training" else None,
        ),
        edit(
            f"{kind}.drain_lead_minutes", environment, put(*at, drain_lead_minutes=600), H, "the schedule's lead", LEAD
        ),
        edit(f"{kind}.hold", environment, put(*at, hold=True), H, "keeps the pool empty", SCHEDULE),
        edit(f"{kind}.fabric", environment, put(*at, fabric="efa")),
        edit(
            f"{kind}.management",
            environment,
            put(*at, management="self-managed"),
            R,
            "CloudFormation takes no other type of resource under a logical id",
            before=put("cluster", service_cidr="172.20.0.0/16"),
        ),
    ]


_KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555"
_VOLUME: dict[str, Any] = {"device_name": "/dev/xvdb", "size_gib": 500}
_VOLUME_FIELDS: dict[str, Any] = {
    "device_name": "/dev/xvdc",
    "size_gib": 600,
    "iops": 6000,
    "throughput_mibps": 500,
    "snapshot_id": "snap-0123456789abcdef0",
    "key_arn": _KEY,
}
_OWN_CLUSTER: dict[str, Any] = {
    "api_server_endpoint": "https://0123456789ABCDEF.gr7.us-east-1.eks.amazonaws.com",
    "certificate_authority": "LS0tLS1CRUdJTg==",
    "service_cidr": "10.100.0.0/16",
}
_IMAGE: dict[str, Any] = {"image_id": "ami-0123456789abcdef0", **_OWN_CLUSTER}
_IMAGE_FIELDS: dict[str, Any] = {
    "image_id": "ami-0fedcba9876543210",
    "api_server_endpoint": "https://FEDCBA9876543210.gr7.us-east-1.eks.amazonaws.com",
    "certificate_authority": "LS0tLS1CRUdJTg==LS0tLS1CRUdJTg==",
    "service_cidr": "10.101.0.0/16",
    "root_device_name": "/dev/sda1",
}
_NODE: dict[str, Any] = {
    "efa_intent": "efa_8",
    "interfaces": [[0, 0, "interface"], [1, 0, "efa-only"], [5, 0, "efa-only"]],
    "max_pods": 32,
    "labels": {"team": "post-training"},
    "tags": {"team": "post-training"},
    "root_volume_gib": 200,
    "metadata_hop_limit": 2,
    "grdma_pci_topo_check_override": False,
    "raid0_instance_store": False,
    "kubelet_config": {"shutdownGracePeriod": "60s"},
    "max_unavailable": 2,
    "taints": [{"key": "nvidia.com/gpu", "effect": "NO_EXECUTE"}],
    "pre_bootstrap_script": "#!/bin/bash\nmkdir -p /opt/site\n",
    "containerd_config": "[debug]\nlevel = 'info'\n",
    "registry_mirrors": {"docker.io": ["https://mirror.example.com"]},
    "kubelet_flags": ["--v=4"],
    "root_volume_iops": 6000,
    "root_volume_throughput_mibps": 500,
    "root_volume_key_arn": _KEY,
    "volumes": [_VOLUME],
}
_TAINT: dict[str, Any] = {"key": "example.com/dedicated", "value": "research"}


def _own(**settings: Any) -> Change:
    """Settings of the nodes of rack-a."""
    return put("pools", "rack-a", "node", **settings)


_SYSTEM: dict[str, Any] = {
    "instance_types": ["m7i.2xlarge"],
    "placement_group": "spread",
    "min_size": 1,
    "max_size": 6,
    "desired_size": 3,
    "metadata_hop_limit": 2,
}
_CLUSTER: dict[str, Any] = {
    "kubernetes_version": "1.36",
    "admin_role_arns": ["arn:aws:iam::111122223333:role/operators"],
    "api_access_cidrs": ["10.0.0.0/24"],
    "ssm_sessions": True,
    "upgrade_policy": "EXTENDED",
    "control_plane_scaling_tier": "tier-xl",
    "addons": ["aws-ebs-csi-driver"],
    "addon_versions": {"vpc-cni": "v1.21.0-eksbuild.1"},
}

ADOPTED = "adopted"
"""Environment on an existing VPC and cluster; not shipped."""
SYSTEM_SUBNET = append(
    "network",
    "subnets",
    item={
        "name": "system-a",
        "kind": "system",
        "availability_zone": "us-east-1a",
        "subnet_id": "subnet-0ddddddddddddddd6",
        "cidr": "10.96.4.0/22",
    },
)
DELIVERED = each(
    put("kubernetes", delivery="kubectl", dashboard=False),
    put("cluster", "existing", authentication_mode="API_AND_CONFIG_MAP"),
    SYSTEM_SUBNET,
)
_OTHER_CLOUD = {"kubeconfig_secret": "other-cloud"}
_WORKER_OF = {"manager_role_arn": "arn:aws:iam::111122223333:role/desk-multikueue"}
TOPIC = "arn:aws:sns:us-east-1:111122223333:research-alarms"
KEY = "arn:aws:kms:us-east-1:111122223333:key/0ddddddd-0000-0000-0000-000000000001"
SECONDARY = {"cidr": "172.16.0.0/16", "availability_zone": "us-east-1a"}


def _secondary(field: str, value: Any) -> Edit:
    """An edit of a secondary network on which no pool is."""
    changed = {**SECONDARY, field: value}
    return edit(
        f"SecondaryNetwork.{field}",
        "inference",
        put("network", secondary_network=changed),
        before=put("network", secondary_network=SECONDARY),
    )


_OF_SECONDARY_NETWORKS = [
    edit("Network.secondary_network", "inference", put("network", secondary_network=SECONDARY)),
    _secondary("cidr", "172.20.0.0/16"),
    _secondary("availability_zone", "us-east-1b"),
    _secondary("subnets", 4),
    _secondary("secondary_network_id", "sn-0ddddddddddddddd1"),
]
_ON_EXISTING = [
    edit("Environment.block_schedule", ADOPTED, put(block_schedule="existing")),
    edit("Environment.alarm_topic_arn", ADOPTED, put(alarm_topic_arn=TOPIC)),
    edit(
        "Environment.encryption_key_arn",
        ADOPTED,
        put(encryption_key_arn=KEY.replace("001", "002")),
        before=put(encryption_key_arn=KEY),
    ),
    edit("Network.vpc_id", ADOPTED, put("network", vpc_id="vpc-0ddddddddddddddd9"), R, IN_USE),
    edit("Network.secondary_cidrs", ADOPTED, put("network", secondary_cidrs=["100.64.0.0/16"])),
    edit(
        "Network.efa_security_group_id",
        ADOPTED,
        put("network", efa_security_group_id="sg-0ddddddddddddddd7"),
        R,
        IN_USE,
    ),
    edit(
        "Subnet.subnet_id",
        ADOPTED,
        put("network", "subnets", "b300-b", subnet_id="subnet-0ddddddddddddddd9"),
        R,
        NEW_NAME,
    ),
    edit(
        "Subnet.route_table_id",
        ADOPTED,
        put("network", "subnets", "dallas", route_table_id="rtb-0ddddddddddddddd9"),
    ),
    edit(
        "Cluster.existing",
        ADOPTED,
        put("cluster", "existing", name="another"),
        R,
        NEW_NAME,
        before=put(block_schedule="existing"),
    ),
    edit("Cluster.node_role_arn", ADOPTED, put("cluster", node_role_arn=None), R, NEW_NAME),
    # With a schedule of its own the deployment would move that to the other cluster first: preflight refuses it.
    edit(
        "ExistingCluster.name",
        ADOPTED,
        put("cluster", "existing", name="other"),
        R,
        NEW_NAME,
        before=put(block_schedule="existing"),
    ),
    edit(
        "ExistingCluster.security_group_id",
        ADOPTED,
        put("cluster", "existing", security_group_id="sg-0ddddddddddddddd9"),
    ),
    edit("ExistingCluster.authentication_mode", ADOPTED, put("cluster", "existing", authentication_mode="API")),
    edit("ExistingCluster.addons", ADOPTED, put("cluster", "existing", addons=["eks-pod-identity-agent"])),
    edit("ExistingCluster.log_groups", ADOPTED, put("cluster", "existing", log_groups=["host", "application"])),
    edit("Kubernetes.existing", ADOPTED, put("kubernetes", existing={"kueue": "0.19.2"}), before=DELIVERED),
]

EDITS = [
    *_ON_EXISTING,
    *_OF_SECONDARY_NETWORKS,
    edit("Environment.name", "training", lambda content: content.update(NAME="training-2")),
    edit("Environment.account", "training", put(account="999900001111")),
    edit("Environment.region", "dev", replace_text("us-east-2", "us-west-2")),
    edit("Environment.production", "training", put(production=False), label="off"),
    edit("Environment.production", "dev", put(production=True), label="on"),
    edit("Environment.notify", "training", put(notify=["other@example.com", "https://alerts.example.com/sns"])),
    edit("Environment.pools", "training", second_rack, label="added"),
    edit(
        "Environment.pools",
        "training",
        rack_removed,
        label="removed",
    ),
    edit("Environment.pools", "training", lambda content: content["pools"].reverse(), label="reordered"),
    edit(
        "Environment.capacity_reservations",
        "training",
        append(
            "capacity_reservations",
            item={
                "name": "more",
                "instance_type": "p6-b300.48xlarge",
                "instance_count": 1,
                "availability_zone": "us-east-1b",
                "placement_group": "cluster",
            },
        ),
    ),
    edit(
        "Environment.capacity_reservations",
        "training",
        each(remove("capacity_reservations", "b300"), put("pools", "b300", capacity_reservation=None)),
        label="removed",
    ),
    edit("Network.cidr", "training", put("network", cidr="10.64.0.0/17"), R, IN_USE),
    edit(
        "Network.egress",
        "training",
        each(put("network", egress="regional_nat"), remove("network", "subnets", "nat-a")),
    ),
    edit("Network.interface_endpoints", "training", put("network", interface_endpoints=["ecr.api", "ecr.dkr"])),
    edit("Network.flow_logs", "training", put("network", flow_logs=False)),
    edit("Network.subnets", "training", SPARE, label="added"),
    edit("Network.subnets", "training", remove("network", "subnets", "spare"), before=SPARE, label="removed"),
    edit("Network.subnets", "training", lambda content: content["network"]["subnets"].reverse(), label="reordered"),
    edit("Subnet.name", "training", replace_text("dallas", "fort-worth"), R, f"{IN_USE}; {NEW_NAME}"),
    edit(
        "Subnet.name", "dev", replace_text("accel-a", "accel-z"), R, f"{IN_USE}; {NEW_NAME}", label="without retention"
    ),
    edit("Subnet.kind", "training", put("network", "subnets", "system-b", kind="accelerator"), label="system"),
    edit(
        "Subnet.kind",
        "inference",
        put("network", "subnets", "spare", kind="system"),
        before=SPARE_A,
        label="unused",
    ),
    edit("Subnet.availability_zone", "training", replace_text("us-east-1b", "us-east-1c"), R, IN_USE),
    edit("Subnet.cidr", "training", put("network", "subnets", "dallas", cidr="10.64.64.0/19"), R, IN_USE),
    *[edit(f"Cluster.{field}", "training", put("cluster", **{field: value})) for field, value in _CLUSTER.items()],
    edit("Cluster.service_cidr", "training", put("cluster", service_cidr="172.20.0.0/16"), R, NEW_NAME),
    *[
        edit(f"SystemNodes.{field}", "training", put("cluster", "system_nodes", **{field: value}))
        for field, value in _SYSTEM.items()
    ],
    edit(
        "CapacityReservation.name",
        "training",
        each(put("capacity_reservations", "b300", name="b301"), put("pools", "b300", capacity_reservation="b301")),
    ),
    edit(
        "CapacityReservation.end",
        "training",
        put("capacity_reservations", "b300", end=datetime(2027, 1, 31, 12, tzinfo=UTC)),
    ),
    edit(
        "CapacityReservation.instance_type", "training", replace_text("p6-b300.48xlarge", "p6-b200.48xlarge"), R, IN_USE
    ),
    edit("CapacityReservation.instance_count", "training", put("capacity_reservations", "b300", instance_count=3)),
    edit("CapacityReservation.availability_zone", "training", replace_text("us-east-1b", "us-east-1c"), R, IN_USE),
    edit(
        "CapacityReservation.placement_group",
        "training",
        put("capacity_reservations", "b300", placement_group=None),
        R,
        IN_USE,
    ),
    edit("CapacityReservation.capacity_reservation_id", "training", IMPORTED),
    edit(
        "CapacityReservation.placement_group_name",
        "training",
        put("capacity_reservations", "b300", placement_group_name="another"),
        before=IMPORTED,
    ),
    *_pool_edits("UltraServerPool", "training", "rack-a"),
    edit(
        "UltraServerPool.kind",
        "training",
        rebuilt("rack-a", ("ultraserver_type", "blocks"), kind="accelerator", instance_type="p5en.48xlarge", nodes=4),
        H,
        "the node groups of its blocks go",
        BLOCK_LESS,
        before=NO_GUARANTEE,
    ),
    edit(
        "UltraServerPool.ultraserver_type",
        "training",
        put("pools", "rack-a", ultraserver_type="u-p6e-gb200x36"),
        H,
        "another size",
        MAX_SIZE,
        before=NO_GUARANTEE,
    ),
    edit("UltraServerPool.blocks", "training", later_block, label="appended"),
    edit("UltraServerPool.blocks", "training", remove("pools", "rack-a", "blocks", "0"), H, "a block less", BLOCK_LESS),
    *_pool_edits("AcceleratorPool", "inference", "h200"),
    edit(
        "AcceleratorPool.kind",
        "inference",
        as_ultraserver,
        R,
        NEW_NAME,
        before=models_removed,
    ),
    edit("AcceleratorPool.instance_type", "inference", put("pools", "h200", instance_type="p6-b200.48xlarge")),
    edit(
        "AcceleratorPool.launch_template_version",
        "dev",
        put("pools", "h100", launch_template_version=2),
        H,
        "the version that nodes run",
        VERSION,
    ),
    edit(
        "AcceleratorPool.instance_type",
        "inference",
        put("pools", "h200", instance_type="trn2.48xlarge"),
        R,
        NEW_NAME,
        before=models_removed,
        label="other image",
    ),
    edit("AcceleratorPool.nodes", "inference", put("pools", "h200", nodes=None), label="on a block"),
    edit(
        "AcceleratorPool.nodes",
        "dev",
        put("pools", "h100", nodes=1),
        H,
        "another size",
        (*MAX_SIZE, *DESIRED_SIZE),
        before=put("pools", "h100", nodes=2),
        label="on demand",
    ),
    edit(
        "AcceleratorPool.blocks",
        "inference",
        remove("pools", "h200", "blocks", "0"),
        H,
        "a block less",
        BLOCK_LESS,
        label="to on demand",
    ),
    edit("AcceleratorPool.capacity_reservation", "training", put("pools", "b300", capacity_reservation=None)),
    edit("AcceleratorPool.placement_group", "dev", put("pools", "h100", placement_group="cluster"), label="added"),
    edit(
        "AcceleratorPool.placement_group",
        "dev",
        put("pools", "h100", placement_group=None),
        before=put("pools", "h100", placement_group="cluster"),
        label="removed",
    ),
    edit(
        "Block.capacity_reservation_id",
        "training",
        put("pools", "rack-b", "blocks", "0", capacity_reservation_id="cr-0bbbbbbbbbbbbbbb9"),
        H,
        "a block less",
        BLOCK_LESS,
    ),
    edit(
        "Block.availability_zone",
        "inference",
        each(
            put("network", "subnets", "h200-a", availability_zone="us-east-1b"),
            put("pools", "h200", "blocks", "0", availability_zone="us-east-1b"),
        ),
        R,
        IN_USE,
    ),
    edit("Block.start", "training", start_later("rack-b")),
    edit("Block.end", "training", extend("rack-b"), label="extended"),
    edit(
        "Block.instance_count",
        "inference",
        each(put("pools", "h200", nodes=3), put("pools", "h200", "blocks", "0", instance_count=3)),
        H,
        "another size",
        MAX_SIZE,
        before=models_removed,
    ),
    edit("Block.instance_count", "training", put("pools", "rack-a", "blocks", "0", instance_count=18), label="stated"),
    edit(
        "Block.launch_template_version",
        "training",
        each(
            put("pools", "rack-b", "node", root_volume_gib=200),
            put("pools", "rack-b", "blocks", "0", launch_template_version=2),
        ),
        H,
        "the version that nodes run",
        VERSION,
    ),
    edit(
        "Block.initial_desired_size",
        "training",
        put("pools", "rack-b", "blocks", "0", initial_desired_size=0),
        H,
        "CloudFormation sends it",
        DESIRED_SIZE,
    ),
    edit(
        "Block.existing_node_group",
        "training",
        put("pools", "rack-b", "blocks", "0", existing_node_group="rack-b"),
        H,
        "the block's own node group goes",
        BLOCK_LESS,
    ),
    *[edit(f"Node.{field}", "training", put("pools", "rack-a", "node", **{field: v})) for field, v in _NODE.items()],
    edit(
        "Node.image",
        "training",
        _own(image=_IMAGE),
        R,
        "its node groups have no AMI type of EKS, which is create-only: a pool with another name",
    ),
    *[
        edit(f"NodeVolume.{field}", "training", _own(volumes=[{**_VOLUME, field: v}]), before=_own(volumes=[_VOLUME]))
        for field, v in _VOLUME_FIELDS.items()
    ],
    *[
        edit(f"NodeImage.{field}", "training", _own(image={**_IMAGE, field: v}), before=_own(image=_IMAGE))
        for field, v in _IMAGE_FIELDS.items()
    ],
    edit(
        "NodeImage.user_data",
        "training",
        _own(image={"image_id": _IMAGE["image_id"], "user_data": "#!/bin/bash\n/opt/join\n"}),
        before=_own(image=_IMAGE),
    ),
    *[
        edit(f"Taint.{field}", "training", _own(taints=[{**_TAINT, field: v}]), before=_own(taints=[_TAINT]))
        for field, v in (("key", "example.com/more"), ("value", "more"), ("effect", "NO_EXECUTE"))
    ],
    *[
        edit(f"Kubernetes.{field}", "training", put("kubernetes", **{field: v}))
        for field, v in KUBERNETES_FIELDS.items()
    ],
    edit("Kubernetes.delivery", "inference", argo_cd, R, KUBECTL_IN_USE, label="by Argo CD"),
    edit("Kubernetes.delivery", "inference", argo_cd, before=models_removed, label="by Argo CD, without models"),
    edit("Kubernetes.delivery", "inference", nothing_delivered, label="by nobody"),
    edit("Kubernetes.argo_cd", "inference", argo_cd, before=models_removed),
    *[
        edit(f"ArgoCd.{field}", "inference", put("kubernetes", "argo_cd", **{field: v}), before=argo_cd)
        for field, v in ARGO_CD_FIELDS.items()
        if not field.startswith("idc_")
    ],
    *[
        edit(
            f"ArgoCd.{field}",
            "inference",
            put("kubernetes", "argo_cd", **{field: ARGO_CD_FIELDS[field]}),
            R,
            "the capability has a name of its own: CloudFormation can't replace it",
            before=argo_cd,
        )
        for field in ("idc_instance_arn", "idc_region")
    ],
    edit("Kubernetes.worker_of", "training", put("kubernetes", worker_of=dict(_WORKER_OF))),
    *[
        edit(
            f"WorkerOf.{field}",
            "training",
            put("kubernetes", "worker_of", **{field: v}),
            before=put("kubernetes", worker_of=dict(_WORKER_OF)),
        )
        for field, v in (
            ("manager_role_arn", "arn:aws:iam::111122223333:role/other-multikueue"),
            ("job_kinds", ["JobSet", "Job"]),
        )
    ],
    edit("Kubernetes.manages", "training", put("kubernetes", "manages", workers_at_once=2), before=as_manager),
    *[
        edit(f"Manager.{field}", "training", put("kubernetes", "manages", **{field: v}), before=as_manager)
        for field, v in (("job_kinds", ["JobSet", "Job"]), ("worker_lost_minutes", 20), ("workers_at_once", 1))
    ],
    edit("Manager.queues", "training", queue_put(capacity={"u-p6e-gb200x72": 40}), before=as_manager),
    *[
        edit(f"CellQueue.{field}", "training", queue_put(**{field: v}), before=as_manager)
        for field, v in (
            ("workload", "research"),
            ("capacity", {"u-p6e-gb200x72": 30}),
            ("fabric", "efa"),
            ("elsewhere", {"nvidia.com/gpu": 8}),
            ("workers", [{"name": "other-cloud", "kubeconfig_secret": "other-cloud"}]),
        )
    ],
    *[
        edit(f"WorkerCluster.{field}", "training", worker_put(**{field: v}), before=as_manager)
        for field, v in (
            ("name", "dallas-b"),
            ("cluster_name", "other-name"),
            ("region", "us-west-2"),
            ("role_arn", "arn:aws:iam::444455556666:role/other-multikueue"),
        )
    ],
    edit(
        "WorkerCluster.kubeconfig_secret",
        "training",
        worker_put(region=None, role_arn=None, **_OTHER_CLOUD),
        before=as_manager,
    ),
    edit("Kubernetes.acceptance", "training", accepted),
    *[
        edit(f"Acceptance.{field}", "training", put("kubernetes", "acceptance", **{field: v}), before=accepted)
        for field, v in ACCEPTANCE_FIELDS.items()
    ],
    edit("Environment.teams", "training", team_added, label="added"),
    edit("Environment.teams", "training", team_removed, label="removed"),
    *[edit(f"Team.{field}", "training", put("teams", "pretraining", **{field: v})) for field, v in TEAM_FIELDS.items()],
    edit("Team.file_system", "training", put("teams", "pretraining", file_system=None)),
    *[
        edit(f"FileSystem.{field}", "training", put("teams", "pretraining", "file_system", **{field: v}))
        for field, v in FILE_SYSTEM_FIELDS.items()
        if field != "throughput_mbps_per_tib"
    ],
    edit("FileSystem.throughput_mbps_per_tib", "training", bigger_file_system),
    edit("Environment.models", "inference", model_added),
    edit("Block.payments", "training", paid),
    edit(
        "Payment.date",
        "training",
        put("pools", "rack-b", "blocks", "0", "payments", "0", date=date(2026, 10, 21)),
        before=paid,
    ),
    edit("Payment.usd", "training", put("pools", "rack-b", "blocks", "0", "payments", "0", usd=2.5), before=paid),
    edit("Environment.slots", "training", put("slots", ultraservers=3), before=as_cell),
    *[
        edit(f"Slot.{field}", "training", put("slots", **{field: v}), before=as_cell)
        for field, v in (
            ("ultraservers", 2),
            ("ultraserver_type", "u-p6e-gb200x36"),
            ("workload", "inference"),
            ("fabric", "efa"),
            ("max_pods", 32),
        )
    ],
    edit(
        "Slot.management",
        "training",
        put("slots", management="self-managed"),
        before=each(as_cell, put("cluster", service_cidr="172.20.0.0/16")),
    ),
    edit(
        "Slot.racks_per_stack",
        "training",
        put("slots", racks_per_stack=2),
        H,
        "a rack goes to another stack, and its node group with it",
        touches=(*BLOCK_LESS, "Alarm removed"),
        before=as_cell,
    ),
    edit("Environment.budget", "training", put(budget={"usd_per_month": 1.0})),
    edit("Budget.usd_per_month", "training", put("budget", usd_per_month=2.0), before=put(budget={})),
    edit("Budget.teams", "training", put("budget", teams={"pretraining": 3.0}), before=put(budget={})),
    edit("Environment.targets", "training", targeted),
    edit("Purchase.approval_above_usd", "training", put(purchases={"approval_above_usd": 0})),
    *[
        edit(f"Target.{field}", "training", put("targets", "pretraining", **{field: v}), before=targeted)
        for field, v in TARGET_FIELDS.items()
    ],
    edit("TargetStep.instances", "training", instances_targeted),
    *[
        edit(f"TargetStep.{field}", "training", put("targets", "pretraining", "steps", "0", **values), before=targeted)
        for field, values in TARGET_STEP_FIELDS.items()
    ],
    *[
        edit(f"ServedModel.{field}", "inference", put("models", "gpt-oss-20b", **{field: v}))
        for field, v in MODEL_FIELDS.items()
    ],
    edit("ServedModel.engine_options", "inference", put("models", "gpt-oss-120b", engine_options={"dtype": "auto"})),
    edit("ServedModel.plain_http", "inference", plain_http),
    edit("ServedModel.rack_scale", "inference", over_racks),
    *[
        edit(
            f"RackScale.{field}",
            "inference",
            put("models", "gpt-oss-120b", "rack_scale", **{field: v}),
            before=over_racks,
        )
        for field, v in RACK_SCALE_FIELDS.items()
    ],
    *[
        edit(f"Client.{field}", "inference", put("models", "gpt-oss-120b", "clients", "chat", **{field: v}))
        for field, v in CLIENT_FIELDS.items()
    ],
]
