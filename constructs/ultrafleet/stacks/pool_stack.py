"""Pool in its own stack, so that its updates touch no other pool."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from ultrafleet.capacity import OnDemandCapacityReservation, OnDemandReservation, PlacementGroup, PlacementStrategy
from ultrafleet.catalog import InstanceType
from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.environment.pool_nodes import startup_taints
from ultrafleet.layout import Interface
from ultrafleet.pools import AcceleratorPool, NodeOptions, UltraServerPool
from ultrafleet.pools.node_group import PoolNodeGroup
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack


class PoolStack(EnvironmentStack):
    """Launch templates and node groups of one pool: one of each for each of its blocks.

    Args:
        scope: the environment's stage.
        environment: the environment.
        pool: the pool in it.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        pool: UltraServerPoolSettings | AcceleratorPoolSettings,
    ) -> None:
        super().__init__(
            scope,
            f"pool-{pool.name}",
            environment=environment,
            description=f"{pool.name}: {pool.max_nodes} x {pool.instance} for {pool.workload}{_where(environment)}",
        )
        subnet = ec2.Subnet.from_subnet_attributes(
            self,
            "Subnet",
            subnet_id=self.subnet_id(pool.subnet),
            availability_zone=environment.subnet(pool.subnet).availability_zone,
        )
        security_group = ec2.SecurityGroup.from_security_group_id(
            self, "EfaSecurityGroup", self.efa_security_group_id, mutable=False
        )
        role_arn = self.exports.read(exports.SELF_MANAGED_NODE_ROLE_ARN) if pool.is_self_managed else self.node_role_arn
        node_role = iam.Role.from_role_arn(self, "NodeRole", role_arn, mutable=False)
        common = pool_arguments(environment, pool, root_volume_key=self._root_volume_key(pool))
        common |= {
            "cluster": self.cluster,
            "subnet": subnet,
            "security_groups": [security_group],
            "node_role": node_role,
            "self_managed": self.self_managed_nodes if pool.is_self_managed else None,
            "secondary_network": self.secondary_network if pool.is_on_roce else None,
        }
        created: UltraServerPool | AcceleratorPool
        if isinstance(pool, UltraServerPoolSettings):
            created = UltraServerPool(self, "Pool", ultraserver_type=pool.ultraserver, **common)
        else:
            created = AcceleratorPool(
                self,
                "Pool",
                instance_type=pool.instance,
                nodes=pool.nodes,
                launch_template_version=pool.launch_template_version,
                reservation=self._reservation(environment, pool.capacity_reservation),
                placement_group=self._placement_group(pool),
                **common,
            )
        if not created.node_groups:
            # Each block is run by a node group made elsewhere. CloudFormation takes no template without resources, and
            # the CDK CLI deletes the stack of an empty one.
            cdk.CfnWaitConditionHandle(self, "NoNodeGroup")
        for name, group in created.node_groups.items():
            cdk.CfnOutput(
                self,
                f"LatestLaunchTemplateVersion{name.removeprefix(pool.name)}",
                value=group.latest_launch_template_version,
                description=newest_version(name, group),
            )

    def _placement_group(self, pool: AcceleratorPoolSettings) -> PlacementGroup | None:
        if pool.placement_group is None:
            return None
        return PlacementGroup(self, "PlacementGroup", strategy=PlacementStrategy(pool.placement_group))

    def _root_volume_key(self, pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> kms.IKey | None:
        arn = pool.node.root_volume_key_arn
        return None if arn is None else kms.Key.from_key_arn(self, "RootVolumeKey", arn)

    def _reservation(self, environment: Environment, name: str | None) -> OnDemandReservation | None:
        if name is None:
            return None
        reservation = environment.capacity_reservation(name)
        created_here = reservation.capacity_reservation_id is None
        return OnDemandCapacityReservation.from_capacity_reservation_id(
            capacity_reservation_id=reservation.capacity_reservation_id
            or self.exports.read(exports.reservation_id(name)),
            instance_type=InstanceType.of(reservation.instance_type),
            instance_count=reservation.instance_count,
            availability_zone=reservation.availability_zone,
            placement_group_name=self.exports.read(exports.placement_group_name(name))
            if created_here and reservation.placement_group
            else reservation.placement_group_name,
        )


def pool_arguments(
    environment: Environment,
    pool: UltraServerPoolSettings | AcceleratorPoolSettings,
    *,
    root_volume_key: kms.IKey | None = None,
) -> dict[str, Any]:
    """Arguments of a pool's construct that follow from the file alone.

    Args:
        environment: the environment.
        pool: the pool in it.
        root_volume_key: customer key of the root volumes. Default: the AWS-managed key.
    """
    return {
        "pool_name": pool.name,
        "blocks": pool.capacity_blocks,
        "workload": pool.workload,
        "drain_lead_minutes": pool.drain_lead_minutes,
        "hold": pool.hold,
        "fabric": pool.chosen_fabric,
        "options": _node_options(environment, pool, root_volume_key),
    }


def newest_version(name: str, group: PoolNodeGroup) -> str:
    """Description of the output that shows the newest version of a launch template.

    Args:
        name: name of the node group.
        group: the node group.
    """
    return f"newest launch template version; {name} runs version {group.launch_template_version}"


def _where(environment: Environment) -> str:
    existing = environment.cluster.existing
    return "" if existing is None else f", in existing EKS cluster {existing.name}"


def _node_options(
    environment: Environment, pool: UltraServerPoolSettings | AcceleratorPoolSettings, root_volume_key: kms.IKey | None
) -> NodeOptions:
    node = pool.node
    return NodeOptions(
        efa_intent=node.intent,
        interfaces=[Interface(*interface) for interface in node.interfaces] if node.interfaces else None,
        max_pods=node.max_pods,
        labels=node.labels,
        tags={"ultrafleet:environment": environment.name, "ultrafleet:pool": pool.name, **node.tags},
        root_volume_gib=node.root_volume_gib,
        metadata_hop_limit=node.metadata_hop_limit,
        grdma_pci_topo_check_override=node.grdma_pci_topo_check_override,
        raid0_instance_store=node.raid0_instance_store,
        root_volume_iops=node.root_volume_iops,
        root_volume_throughput_mibps=node.root_volume_throughput_mibps,
        root_volume_key=root_volume_key,
        volumes=[volume.volume() for volume in node.volumes],
        kubelet_config=node.kubelet_config,
        setup=node.setup(),
        image=node.image.image() if node.image is not None else None,
        taints=node.stated_taints(),
        max_unavailable=node.max_unavailable,
        startup_taints=startup_taints(environment, pool.name),
    )
