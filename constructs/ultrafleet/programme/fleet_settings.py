"""Fleet of a programme file: how its contracted UltraServers become cells."""

from collections.abc import Iterator
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from ultrafleet.catalog.eks import CONTROL_PLANE_TIERS, DEFAULT_KUBERNETES_VERSION
from ultrafleet.environment.collected import Found, refuse_all
from ultrafleet.environment.fields import KubernetesVersion, Network, Settings
from ultrafleet.errors import FleetError
from ultrafleet.programme.address_space import space_faults
from ultrafleet.programme.queue_settings import QueueSettings
from ultrafleet.programme.rollout_settings import RolloutSettings
from ultrafleet.rules.node_settings import validate_max_pods

ASSUMED: Final = "assumed"
"""Word for reservations that are made up, for planning and rehearsal."""


class FleetSettings(Settings):
    """Fleet: largest job, size of cells, reservations, and what is the same in each cell."""

    largest_job_accelerators: int = Field(ge=1, examples=[4608], json_schema_extra={"unit": "accelerators"})
    """Accelerators of the largest training job; at least one cell holds it, since EFA stays in one VPC."""
    reservations: str = Field(min_length=1, examples=["half-a-million.csv"])
    """CSV file beside the programme, with the columns rack, capacity_reservation_id, start and end; or `assumed`:
    made-up reservations for planning and rehearsal, which no deployment takes."""
    most_racks_per_cell: int | None = Field(
        default=None, ge=1, examples=[64], json_schema_extra={"unit": "UltraServers"}
    )
    """UltraServers that may be lost together: the blast radius of a cell. Default: the other limits alone."""
    racks_per_stack: int | None = Field(default=None, ge=1, examples=[10], json_schema_extra={"unit": "UltraServers"})
    """UltraServers of one stack, by their numbers. Default: as many as a stack's resources and bytes allow."""
    management: Literal["managed", "self-managed"] | None = Field(default=None, examples=["self-managed"])
    """Kind of node groups. Default: managed, and self-managed where the largest job or the fabric needs it."""
    hand_overs_per_cell: int = Field(default=1, ge=0, examples=[4], json_schema_extra={"unit": "UltraServers"})
    """UltraServers of a cell that may have two blocks at once, while one takes over from the other."""
    spare_nodes_per_ultraserver: int = Field(default=0, ge=0, examples=[2], json_schema_extra={"unit": "nodes"})
    """Nodes of each UltraServer that stay closed to jobs until one fails; they don't count for the largest job."""
    kubernetes_version: KubernetesVersion = Field(default=DEFAULT_KUBERNETES_VERSION, examples=["1.36"])
    """Kubernetes version of every cell."""
    control_plane_scaling_tier: str | None = Field(default=None, examples=["tier-4xl"])
    """Provisioned control plane of every cell. Default: EKS's."""
    max_pods: int = Field(default=64, examples=[32], json_schema_extra={"unit": "pods"})
    """Pods of a node, which decide about the addresses that it takes."""
    address_space: list[Network] = Field(
        default=["10.0.0.0/8", "100.64.0.0/10"], min_length=1, examples=[["10.128.0.0/9", "100.64.0.0/10"]]
    )
    """Private IPv4 networks from which the cells get theirs; no two cells share an address. Platforms take the first
    of them, racks the last."""
    queue: QueueSettings | None = None
    """Queues over the cells that train. Default: each cell has its own alone."""
    retired: list[str] = Field(default=[], examples=[["gb200-2026-a-0007"]])
    """Names of UltraServers that were given back or taken out of their tranche. A name is not used again."""

    rollout: RolloutSettings = RolloutSettings()
    """Waves in which cells are deployed, and what stops them, see [its guide](guides/roll-out-a-programme.md)."""

    @property
    def assumes_reservations(self) -> bool:
        """True if the reservations are made up."""
        return self.reservations == ASSUMED

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        refuse_all(self._faults())
        return self

    def _faults(self) -> Iterator[Found]:
        try:
            validate_max_pods(self.max_pods)
        except FleetError as error:
            yield ("max_pods",), error
        if self.control_plane_scaling_tier not in {None, *CONTROL_PLANE_TIERS}:
            yield (
                ("control_plane_scaling_tier",),
                FleetError(
                    path="control_plane_scaling_tier",
                    got=repr(self.control_plane_scaling_tier),
                    expected=f"one of {', '.join(CONTROL_PLANE_TIERS)}",
                ),
            )
        if not self.assumes_reservations and ("/" in self.reservations or not self.reservations.endswith(".csv")):
            yield (
                ("reservations",),
                FleetError(
                    path="reservations",
                    got=repr(self.reservations),
                    expected=f"the name of a CSV file beside the programme, or {ASSUMED}",
                    remedy="write such as racks.csv",
                ),
            )
        for index, name in enumerate(self.retired):
            if name in self.retired[:index]:
                yield (
                    ("retired", index),
                    FleetError(
                        path="retired", verb="has", got=f"{name} twice", expected="it once", remedy="take it out"
                    ),
                )
        yield from ((("address_space", *where), error) for where, error in space_faults(self.address_space))
