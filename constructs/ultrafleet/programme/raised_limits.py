"""Limits of a programme that differ from the documented ones, each with its reason."""

from typing import Self

from pydantic import Field, model_validator

from ultrafleet.environment.fields import Settings
from ultrafleet.errors import FleetError


class RaisedLimit(Settings):
    """Limit that AWS raised, or will raise, for every account of the programme."""

    value: int = Field(ge=0)
    """Its value."""
    reason: str = Field(min_length=1)
    """Reason why it differs: a ticket, a letter, an assumption."""


class LimitSettings(Settings):
    """Limits that differ from the documented ones, such as raised quotas. Default of each: the catalog's."""

    block_instances_on_a_date: int | None = Field(default=None, ge=0)
    """Instances on capacity blocks in the organisation on one date. Default: the documented limit."""
    reason: str | None = Field(default=None, min_length=1)
    """Reason why that one differs: a ticket, a letter, an assumption."""
    node_groups_per_cluster: RaisedLimit | None = None
    """Managed node groups of a cluster."""
    nodes_per_cluster: RaisedLimit | None = None
    """Nodes of a cluster."""
    nodes_per_node_group: RaisedLimit | None = None
    """Nodes of a managed node group."""
    network_address_usage: RaisedLimit | None = None
    """Network Address Usage of a VPC."""
    cidrs_per_vpc: RaisedLimit | None = None
    """IPv4 CIDRs of a VPC."""
    subnets_per_vpc: RaisedLimit | None = None
    """Subnets of a VPC."""
    clusters_per_region: RaisedLimit | None = None
    """EKS clusters of an account in a region."""
    vpcs_per_region: RaisedLimit | None = None
    """VPCs of an account in a region."""
    launch_templates_per_region: RaisedLimit | None = None
    """Launch templates of an account in a region."""
    auto_scaling_groups_per_region: RaisedLimit | None = None
    """Auto Scaling groups of an account in a region."""
    network_interfaces_per_zone: RaisedLimit | None = None
    """Network interfaces of an account in a zone."""
    secondary_networks_per_region: RaisedLimit | None = None
    """Secondary networks of an account in a region, which RoCE needs."""
    stacks_per_region: RaisedLimit | None = None
    """CloudFormation stacks of an account in a region."""

    def raised(self, key: str) -> RaisedLimit | None:
        """Raised limit of a key of the file; None where the documented one holds.

        Args:
            key: such as `node_groups_per_cluster`.
        """
        found = getattr(self, key, None)
        return found if isinstance(found, RaisedLimit) else None

    @model_validator(mode="after")
    def _has_a_reason(self) -> Self:
        if self.block_instances_on_a_date is not None and self.reason is None:
            raise FleetError(
                path="reason", got="missing", expected="why the limit differs", remedy="state the ticket or assumption"
            )
        return self
