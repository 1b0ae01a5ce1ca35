"""Floors and facts of instance types for the judge of logs, which runs on nodes without the catalog.

Made from `catalog/data` by `tests/tools/acceptance_table.py`; change them there, and run `make docs`.
"""

from typing import Final, Literal

FLOORS: Final[dict[tuple[str, str], tuple[float, str, Literal["high", "medium", "low"]]]] = {
    ("p6e-gb200.36xlarge", "nvlink"): (500.0, "NVIDIA AICR, recipe gb200-eks-training", "high"),
    ("p6e-gb200.36xlarge", "efa"): (40.0, "NVIDIA AICR, recipe gb200-eks-training", "high"),
    ("p6e-gb300.36xlarge", "nvlink"): (500.0, "NVIDIA AICR, recipe gb300-eks-training", "medium"),
    ("p6e-gb300.36xlarge", "efa"): (40.0, "NVIDIA AICR, recipe gb300-eks-training", "medium"),
    ("p6e-gb300r.36xlarge", "nvlink"): (500.0, "NVIDIA AICR, recipe gb300-eks-training", "medium"),
    ("p6e-gb300r.36xlarge", "efa"): (40.0, "NVIDIA AICR, recipe gb300-eks-training", "medium"),
    ("p6e-gb300r.36xlarge", "roce"): (40.0, "NVIDIA/aicr #1413", "medium"),
    ("p4d.24xlarge", "node"): (200.0, "awsome-distributed-ai, GPU cluster health check, check 5", "medium"),
    ("p5.48xlarge", "efa"): (300.0, "NVIDIA AICR, recipe h100-eks-training", "high"),
    ("p5e.48xlarge", "efa"): (300.0, "NVIDIA AICR, recipe h200-eks-training", "medium"),
    ("p5en.48xlarge", "efa"): (300.0, "NVIDIA AICR, recipe h200-eks-training", "medium"),
    ("p6-b200.48xlarge", "node"): (600.0, "awsome-distributed-ai, GPU cluster health check, check 5", "medium"),
}
"""Instance type and path -> GB/s of bus bandwidth, source, confidence."""

NODE_TYPES: Final[dict[str, tuple[int | None, float | None, int | None, bool, bool]]] = {
    "p4d.24xlarge": (8, 50.0, 4, False, True),
    "p4de.24xlarge": (8, 50.0, 4, False, True),
    "p5.4xlarge": (1, 12.5, 1, False, False),
    "p5.48xlarge": (8, 400.0, 32, False, True),
    "p5e.48xlarge": (8, 400.0, 32, False, True),
    "p5en.48xlarge": (8, 400.0, 16, False, True),
    "p6-b200.48xlarge": (8, 400.0, 8, False, True),
    "p6-b300.48xlarge": (8, 800.0, 16, False, True),
    "trn1.32xlarge": (16, 100.0, 8, False, False),
    "trn1n.32xlarge": (16, 200.0, 16, False, False),
    "trn2.3xlarge": (1, 25.0, 1, False, False),
    "trn2.48xlarge": (16, 400.0, 16, False, False),
    "trn2u.48xlarge": (16, 400.0, 16, False, False),
    "p6e-gb200.36xlarge": (4, 200.0, 4, True, True),
    "p6e-gb300.36xlarge": (4, None, None, True, True),
    "p6e-gb300r.36xlarge": (4, None, 1, True, True),
    "g4dn.12xlarge": (4, None, 1, False, False),
    "g4dn.16xlarge": (1, None, 1, False, False),
    "g4dn.8xlarge": (1, None, 1, False, False),
    "g4dn.metal": (8, None, 1, False, False),
    "g5.12xlarge": (4, None, 1, False, False),
    "g5.16xlarge": (1, None, 1, False, False),
    "g5.24xlarge": (4, None, 1, False, False),
    "g5.48xlarge": (8, None, 1, False, False),
    "g5.8xlarge": (1, None, 1, False, False),
    "g6.12xlarge": (4, None, 1, False, False),
    "g6.16xlarge": (1, None, 1, False, False),
    "g6.24xlarge": (4, None, 1, False, False),
    "g6.48xlarge": (8, None, 1, False, False),
    "g6.8xlarge": (1, None, 1, False, False),
    "g6e.12xlarge": (4, None, 1, False, False),
    "g6e.16xlarge": (1, None, 1, False, False),
    "g6e.24xlarge": (4, None, 2, False, False),
    "g6e.48xlarge": (8, None, 4, False, False),
    "g6e.8xlarge": (1, None, 1, False, False),
    "g7.12xlarge": (2, None, 1, False, False),
    "g7.24xlarge": (4, None, 1, False, False),
    "g7.48xlarge": (8, None, 2, False, False),
    "g7.8xlarge": (1, None, 1, False, False),
    "g7e.12xlarge": (2, None, 1, False, False),
    "g7e.24xlarge": (4, None, 2, False, False),
    "g7e.48xlarge": (8, None, 4, False, False),
    "g7e.8xlarge": (1, None, 1, False, False),
    "gr6.8xlarge": (1, None, 1, False, False),
    "inf1.24xlarge": (16, None, 1, False, False),
    "p3dn.24xlarge": (8, None, 1, False, False),
}
"""Instance type -> accelerators, GB/s of its EFA in one direction, EFA interfaces, NVLink between nodes, NVLink."""
