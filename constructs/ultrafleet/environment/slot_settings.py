"""Slots of a cell as a pydantic model: UltraServers that its platform is made for, whether they are there or not."""

from typing import Final, Literal

from pydantic import Field

from ultrafleet.environment.fields import Settings, UltraServerTypeName
from ultrafleet.rules.self_managed import NodeManagement

MOST_RACKS_PER_STACK: Final = 80
"""Racks of one stack at most: five resources each, and from 400 on, four fifths of CloudFormation's limit, the CDK
warns in the stack's own metadata."""
DEFAULT_RACKS_PER_STACK: Final = 40
"""Racks of one stack by default: some 16 kB each, well within a template's bytes (ours)."""


class SlotSettings(Settings):
    """Slots of a cell: network, queues and dashboard are made for them, so that a rack more changes none of these.

    Stacks of racks are cut by name: `racks-TRANCHE-NNN` holds those whose number, divided by
    `racks_per_stack`, is NNN.
    """

    ultraservers: int = Field(ge=1, examples=[100], json_schema_extra={"unit": "UltraServers"})
    """UltraServers that the cell may hold."""
    ultraserver_type: UltraServerTypeName = Field(examples=["u-p6e-gb200x72"])
    """Type of all of them."""
    workload: Literal["training", "inference"] = Field(examples=["training"])
    """Use of all of their nodes."""
    fabric: Literal["efa", "roce"] | None = Field(default=None, examples=["efa"])
    """Network between nodes of different instances, as of a pool. Default: the type's only one."""
    management: NodeManagement = Field(default="managed", examples=["self-managed"])
    """Owner of the nodes, as of a pool: the cluster has what self-managed ones need before there is a rack."""
    max_pods: int = Field(default=64, examples=[32], json_schema_extra={"unit": "pods"})
    """Pods of a node, as of a pool: its addresses follow from them."""
    racks_per_stack: int = Field(
        default=DEFAULT_RACKS_PER_STACK,
        ge=1,
        le=MOST_RACKS_PER_STACK,
        examples=[40],
        json_schema_extra={"unit": "racks"},
    )
    """Racks of one stack; it never changes once a stack is deployed."""
