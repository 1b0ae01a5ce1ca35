"""Refused updates: changes that each may be made alone, and that the service refuses together or in one step.

Reviews, preflight and the tests of edits take a resource's refusals from here, through `template_changes`. Which single
property can't change at all is in `update_effects`.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.catalog import Confidence, Source
from ultrafleet.templates.node_group import NODE_GROUP
from ultrafleet.templates.update_effects import Effect, PropertyChange

_CLUSTER: Final = "AWS::EKS::Cluster"
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")
_WITH_A_VERSION: Final = frozenset({"ForceUpdateEnabled", "LaunchTemplate/Id", "LaunchTemplate/Name"})
"""Properties that the call which updates the version takes itself (EKS API reference, UpdateNodegroupVersion, high)."""
_MODES: Final = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
"""Authentication modes in the order in which they can be changed."""

COMBINED: Final = Source(
    "containers-roadmap #1258, aws-cdk #16644: 'Version and ReleaseVersion updates cannot be combined with other "
    "updates'",
    Confidence.HIGH,
    "https://github.com/aws/containers-roadmap/issues/1258",
)
"""Source of: a node group's version is updated alone."""
MODE_STEPS: Final = Source(
    "EKS user guide, setting-up-access-entries: no change back to a mode without the EKS API; EKS workshop: from "
    "CONFIG_MAP to API_AND_CONFIG_MAP, and from that to API",
    Confidence.HIGH,
    "https://docs.aws.amazon.com/eks/latest/userguide/setting-up-access-entries.html",
)
"""Source of: the authentication mode goes one way, a step at a time."""
VERSION_STEPS: Final = Source(
    "EKS user guide, update-cluster: one minor version at a time; rollback-cluster: one back, within 7 days of the "
    "upgrade and with the node groups rolled back before",
    Confidence.HIGH,
    "https://docs.aws.amazon.com/eks/latest/userguide/rollback-cluster.html",
)
"""Source of: a cluster's Kubernetes version goes up by one minor version at a time."""


RULES: Final = (
    (NODE_GROUP, "`LaunchTemplate/Version`, `Version` or `ReleaseVersion` together with anything else", COMBINED),
    (_CLUSTER, "`Version` by more than one minor version, or back", VERSION_STEPS),
    (_CLUSTER, "`AccessConfig/AuthenticationMode` back, or from `CONFIG_MAP` to `API` in one step", MODE_STEPS),
)
"""Resource type, change that is refused, and source of each rule here."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Update of a resource that its service refuses, so that the stack rolls back.

    Attributes:
        paths: properties that change and may not, together or in one step.
        reason: clause that says why.
        remedy: what to deploy instead.
        source: where that is known from.
    """

    paths: tuple[str, ...]
    reason: str
    remedy: str
    source: Source


def refusals(
    resource_type: str,
    old_properties: Mapping[str, Any],
    new_properties: Mapping[str, Any],
    changes: Collection[PropertyChange],
) -> tuple[Refusal, ...]:
    """Refusals of one resource's update; none for types of which nothing of the kind is known.

    Values behind functions can't be compared and are taken to be allowed.

    Args:
        resource_type: CloudFormation type.
        old_properties: as deployed.
        new_properties: as synthesised.
        changes: properties that differ, with their effects.
    """
    found = _RULES.get(resource_type)
    return tuple(found(old_properties, new_properties, changes)) if found is not None else ()


def _node_group(
    _old: Mapping[str, Any], _new: Mapping[str, Any], changes: Collection[PropertyChange]
) -> Iterator[Refusal]:
    rolling = tuple(change.path for change in changes if change.effect is Effect.ROLLS_NODES)
    others = tuple(
        change.path
        for change in changes
        if change.effect is not Effect.ROLLS_NODES and change.path not in _WITH_A_VERSION
    )
    if rolling and others:
        yield Refusal(
            paths=(*rolling, *others),
            reason=f"EKS takes {' and '.join(rolling)} alone, not together with {', '.join(others)}",
            remedy="make two deployments, the version in one of its own",
            source=COMBINED,
        )


def _cluster(old: Mapping[str, Any], new: Mapping[str, Any], _changes: Collection[PropertyChange]) -> Iterator[Refusal]:
    before, after = (_VERSION.fullmatch(str(side.get("Version"))) for side in (old, new))
    if before and after:
        steps = int(after[2]) - int(before[2])
        if before[1] == after[1] and steps not in {0, 1}:
            back = "it goes back only as a rollback, by one, within 7 days of the upgrade"
            yield Refusal(
                paths=("Version",),
                reason=f"EKS takes a cluster from {before[0]} to {before[1]}.{int(before[2]) + 1} and not to "
                f"{after[0]}: {'it goes up by one minor version at a time' if steps > 1 else back}",
                remedy="upgrade one version after the other" if steps > 1 else f"keep {before[0]}",
                source=VERSION_STEPS,
            )
    mode, next_mode = ((side.get("AccessConfig") or {}).get("AuthenticationMode") for side in (old, new))
    mode = mode if mode is not None or next_mode is None else _MODES[0]
    if mode in _MODES and next_mode in _MODES and _MODES.index(next_mode) - _MODES.index(mode) not in {0, 1}:
        yield Refusal(
            paths=("AccessConfig/AuthenticationMode",),
            reason=f"EKS doesn't change the authentication mode from {mode} to {next_mode}",
            remedy=f"deploy {_MODES[1]} first" if mode == _MODES[0] else f"keep {mode}",
            source=MODE_STEPS,
        )


_RULES: Final[
    Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any], Collection[PropertyChange]], Iterator[Refusal]]]
] = {NODE_GROUP: _node_group, _CLUSTER: _cluster}
