"""Rules of FSx for Lustre."""

from collections.abc import Iterator
from typing import Any

from ultrafleet.catalog.source import Source
from ultrafleet.errors import FleetError
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.rules.lustre import HDD_STEPS_GIB, OLDER_THROUGHPUTS, SMALL_GIB, STEPS_GIB, validate_lustre_capacity
from ultrafleet.templates.launch import as_int, is_true
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown


def _lustre(template: Template) -> Iterator[Problem]:
    for system in template.of_type("AWS::FSx::FileSystem"):
        if system.get("FileSystemType") != "LUSTRE" or system.get("BackupId") is not None:
            continue
        if system.get("StorageType") == "INTELLIGENT_TIERING":
            continue  # it grows automatically
        stated = [system.get("StorageCapacity"), *(_of(system, key) for key in ("DeploymentType", _THROUGHPUT))]
        unknown = next((value for value in stated if isinstance(value, Unknown)), None)
        if unknown is not None:
            yield cannot_tell(system.logical_id, "capacity and throughput", unknown.reason)
        elif as_int(stated[0]) is None:
            yield Problem(system.logical_id, f"StorageCapacity is {stated[0] or 'not stated'}, expected GiB: state it")
        elif stated[1] == "PERSISTENT_2":
            yield from _persistent_2(system, int(stated[0]), as_int(stated[2]))
        else:
            if is_true(_of(system, "EfaEnabled")):
                yield Problem(system.logical_id, "EfaEnabled without PERSISTENT_2 on SSD, expected that: change it")
            yield from _older(system, str(stated[1] or "SCRATCH_1"), int(stated[0]), as_int(stated[2]))


_THROUGHPUT = "PerUnitStorageThroughput"


def _of(system: Resource, key: str) -> Any:  # noqa: ANN401 - JSON
    return system.get("LustreConfiguration", key)


def _persistent_2(system: Resource, capacity: int, throughput: int | None) -> Iterator[Problem]:
    efa = is_true(_of(system, "EfaEnabled"))
    if throughput is None:
        yield Problem(system.logical_id, f"{_THROUGHPUT} is not stated with PERSISTENT_2, expected it: state it")
        return
    try:
        validate_lustre_capacity(capacity, throughput_mbps_per_tib=throughput, efa=efa)
    except FleetError as error:
        yield Problem(system.logical_id, str(error))
    if efa and _of(system, "MetadataConfiguration") is None:
        yield Problem(system.logical_id, "EfaEnabled without MetadataConfiguration, expected one: add it")


def _older(system: Resource, deployment: str, capacity: int, throughput: int | None) -> Iterator[Problem]:
    kind = str(system.get("StorageType") or "SSD")
    if deployment == "PERSISTENT_1" and throughput not in OLDER_THROUGHPUTS.get(kind, ()):
        allowed = ", ".join(map(str, OLDER_THROUGHPUTS.get(kind, ())))
        got = throughput or "not stated"
        yield Problem(
            system.logical_id, f"{_THROUGHPUT} is {got} with PERSISTENT_1 on {kind}, expected one of {allowed}: set it"
        )
        return
    step = HDD_STEPS_GIB.get(throughput or 0) if kind == "HDD" else STEPS_GIB.get(deployment)
    small = SMALL_GIB if kind == "SSD" else ()
    if step is not None and capacity not in small and (capacity < step or capacity % step):
        expected = " or ".join([*map(str, small), f"a multiple of {step}"])
        yield Problem(
            system.logical_id, f"StorageCapacity is {capacity} with {deployment}, expected {expected}: change it"
        )


RULES = (
    PolicyRule(
        id="lustre",
        number=36,
        severity=Severity.ERROR,
        protects_from="a file system that FSx refuses",
        source=Source("FSx for Lustre user guide and API reference"),
        remedy="a capacity of the steps that the message names",
        check=_lustre,
    ),
)
