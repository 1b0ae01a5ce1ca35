"""Refusals of EKS: updates of clusters and node groups that it refuses."""

from typing import Final

from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.rehearsal.refusals.rule import RefusalRule
from ultrafleet.templates.refused_updates import COMBINED, MODE_STEPS, VERSION_STEPS

COMBINED_UPDATE: Final = RefusalRule(
    id="combined-update",
    code="InvalidRequest",
    refuses="an update of a node group's launch template, Version or ReleaseVersion together with anything else",
    source=COMBINED,
)
VERSION_STEP: Final = RefusalRule(
    id="cluster-version-step",
    code="InvalidParameterException",
    refuses="a Kubernetes version of a cluster that isn't one minor version later",
    source=VERSION_STEPS,
)
MODE_STEP: Final = RefusalRule(
    id="authentication-mode-step",
    code="InvalidParameterException",
    refuses="an authentication mode that goes back, or from CONFIG_MAP to API in one step",
    source=Source(
        "pulumi-eks #1493: 'Unsupported authentication mode update from CONFIG_MAP to API'",
        Confidence.HIGH,
        "https://github.com/pulumi/pulumi-eks/issues/1493",
        also=(MODE_STEPS,),
    ),
)
STANDARD_TOO_LATE: Final = RefusalRule(
    id="upgrade-policy-in-extended-support",
    code="InvalidParameterException",
    refuses="the upgrade policy STANDARD for a cluster that is in extended support",
    source=Source(
        "EKS user guide, disable-extended-support: extended support can't be disabled once the cluster is in it",
        Confidence.HIGH,
        "https://docs.aws.amazon.com/eks/latest/userguide/disable-extended-support.html",
    ),
)
UPDATE_REFUSALS: Final = (COMBINED_UPDATE, VERSION_STEP, MODE_STEP, STANDARD_TOO_LATE)
"""Every reason to refuse an update."""
