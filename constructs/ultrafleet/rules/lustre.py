"""Requirements of FSx for Lustre for an EFA-enabled file system: pure logic."""

from ultrafleet.catalog import limits
from ultrafleet.errors import FleetError

EFA_STORAGE_STEP_GIB = {int(name): step for name, step in limits.table("limit/fsx/efa-storage-step-gib").items()}
"""Capacity of an EFA-enabled file system is a multiple of this, by throughput in MB/s per TiB."""

STEPS_GIB = limits.table("limit/fsx/storage-step-gib")
"""Capacity of older deployment types on SSD: one of the small ones, or a multiple of this."""
STORAGE_STEP_GIB = limits.LUSTRE_STEP_GIB.value
"""Capacity without EFA: the smallest, or a multiple of this."""
_SMALLEST_GIB = limits.LUSTRE_SMALLEST_GIB.value
SMALL_GIB = (_SMALLEST_GIB, STORAGE_STEP_GIB)
"""Capacities on SSD that need not be a multiple of the step."""
HDD_STEPS_GIB = {int(name): step for name, step in limits.table("limit/fsx/hdd-storage-step-gib").items()}
"""Capacity of PERSISTENT_1 on HDD is a multiple of this, by throughput in MB/s per TiB."""
OLDER_THROUGHPUTS = {
    "SSD": tuple(map(int, limits.LUSTRE_PERSISTENT_1_THROUGHPUTS.value.split())),
    "HDD": tuple(HDD_STEPS_GIB),
}
"""Throughput of PERSISTENT_1 in MB/s per TiB."""


def validate_lustre_capacity(capacity_gib: int, *, throughput_mbps_per_tib: int, efa: bool) -> None:
    """Refuse a capacity or a throughput that FSx doesn't take.

    Raises:
        FleetError: see the message.
    """
    step = EFA_STORAGE_STEP_GIB.get(throughput_mbps_per_tib)
    if step is None:
        raise FleetError(
            path="throughput_mbps_per_tib",
            got=throughput_mbps_per_tib,
            expected=", ".join(map(str, EFA_STORAGE_STEP_GIB)),
            remedy="choose one",
        )
    if efa and (capacity_gib < step or capacity_gib % step):
        raise FleetError(
            path="capacity_gib",
            got=f"{capacity_gib} with EFA at {throughput_mbps_per_tib} MB/s per TiB",
            expected=f"a multiple of {step}",
            remedy=f"choose {max(step, -(-capacity_gib // step) * step)}",
        )
    if (
        not efa
        and capacity_gib != _SMALLEST_GIB
        and (capacity_gib < STORAGE_STEP_GIB or capacity_gib % STORAGE_STEP_GIB)
    ):
        raise FleetError(
            path="capacity_gib",
            got=capacity_gib,
            expected=f"{_SMALLEST_GIB} or a multiple of {STORAGE_STEP_GIB}",
            remedy=f"choose {-(-capacity_gib // STORAGE_STEP_GIB) * STORAGE_STEP_GIB}",
        )
