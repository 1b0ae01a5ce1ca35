"""Advice on what NCCL warns of. Standard library only."""

import re
from collections.abc import Iterable
from typing import Final

_ADVICE: Final = (
    (
        re.compile(r"IMEX|MNNVL \(cliqueSize|FABRIC|not permitted", re.IGNORECASE),
        (
            "give the pods a ComputeDomain and its claim for an IMEX channel, and see whether the domain's IMEX "
            "daemons are ready (kubectl get computedomains)"
        ),
    ),
    (
        re.compile(r"NET/OFI|aws-ofi-nccl|[Ll]ibfabric|NET/Plugin|eligible providers", re.IGNORECASE),
        (
            "see whether the pods ask for vpc.amazonaws.com/efa or claim efa.networking.k8s.aws, and the image has "
            "aws-ofi-nccl, libfabric's provider efa and LD_LIBRARY_PATH for both"
        ),
    ),
    (
        re.compile(r"out of memory", re.IGNORECASE),
        "see what else runs on the accelerators, or end at a smaller size (-e)",
    ),
    (
        re.compile(r"[Ss]ocket|connect|[Cc]onnection|bootstrap|peer"),
        "see whether security groups and network policies let all nodes reach one another, and which pod died first",
    ),
    (
        re.compile(r"NVML|Cuda failure|CUDA|driver|ECC|Xid|NVLS|multicast", re.IGNORECASE),
        "look at the node's driver and accelerators (nvidia-smi -q, dmesg for Xid), and replace the node",
    ),
)


def advice_on(warnings: Iterable[str]) -> str | None:
    """First warning that says what is wrong, quoted, with what to do; None where there is none."""
    warnings = list(warnings)
    known = [(pattern, text, warning) for warning in warnings for pattern, text in _ADVICE if pattern.search(warning)]
    if known:
        order = [pattern for pattern, _ in _ADVICE]
        _, text, warning = min(known, key=lambda item: order.index(item[0]))
        return f"NCCL warns “{warning}”: {text}"
    first = next(iter(warnings), None)
    return f"NCCL warns “{first}”" if first is not None else None
