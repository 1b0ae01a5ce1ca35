"""Requirements of FSx for Lustre for an EFA-enabled file system: pure logic."""

from ultrafleet.errors import FleetError

EFA_STORAGE_STEP_GIB = {125: 38_400, 250: 19_200, 500: 9_600, 1000: 4_800}
"""Capacity of an EFA-enabled file system is a multiple of this, by throughput in MB/s per TiB (FSx for Lustre user
guide, increasing storage capacity, high)."""

STORAGE_STEP_GIB = 2_400
"""Without EFA: 1,200 GiB, or a multiple of this (FSx API reference, CreateFileSystem, high)."""

_SMALLEST_GIB = 1_200

SMALL_GIB = (1_200, 2_400)
STEPS_GIB = {"SCRATCH_1": 3_600, "SCRATCH_2": 2_400, "PERSISTENT_1": 2_400}
"""Capacity of older deployment types on SSD: one of the small ones, or a multiple of this (FSx API reference,
CreateFileSystem, high)."""
HDD_STEPS_GIB = {12: 6_000, 40: 1_800}
"""The same for PERSISTENT_1 on HDD, by throughput (the same, high)."""
OLDER_THROUGHPUTS = {"SSD": (50, 100, 200), "HDD": (12, 40)}
"""Throughput of PERSISTENT_1 in MB/s per TiB (the same, high)."""


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
