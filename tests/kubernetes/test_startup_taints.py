"""Startup taints: on new nodes and tolerated by their DaemonSets, unknown to jobs, queues and models."""

from helpers.workloads import rack
from ultrafleet.accelerator_addons.accelerator_runtime import accelerator_runtime
from ultrafleet.accelerator_addons.versions import VersionTable
from ultrafleet.kubernetes import UNPROVEN_TAINT
from ultrafleet.queueing.flavors import fleet_flavors

UNPROVEN = UNPROVEN_TAINT.toleration


def test_daemons_tolerate_the_taint_of_unproven_nodes_and_queues_do_not() -> None:
    pool = rack(startup_taints=(UNPROVEN_TAINT,))
    for release in accelerator_runtime([pool], VersionTable.of()):
        assert UNPROVEN in _tolerations(release.values), release.release
    (flavor,) = fleet_flavors([pool])
    assert UNPROVEN not in flavor.manifest()["spec"]["tolerations"]


def test_a_fleet_without_acceptance_tolerates_it_nowhere() -> None:
    for release in accelerator_runtime([rack()], VersionTable.of()):
        assert UNPROVEN not in _tolerations(release.values), release.release


def _tolerations(values: object) -> list[object]:
    if not isinstance(values, dict):
        return []
    found = list(values.get("tolerations", []))
    for value in values.values():
        found += _tolerations(value)
    return found
