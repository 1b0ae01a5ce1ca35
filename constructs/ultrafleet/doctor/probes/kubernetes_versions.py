"""Probe of the Kubernetes version: offered by EKS, and in the support that the file asks for."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from ultrafleet.doctor.account import Account
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment

_UNSUPPORTED: Final = "UNSUPPORTED"
_STANDARD: Final = "STANDARD_SUPPORT"
_PATH: Final = "cluster.kubernetes_version"


def _questions(environment: Environment) -> Iterator[Question]:
    version = environment.cluster.kubernetes_version
    yield Question(
        subject=f"Kubernetes {version}",
        expected="offered",
        ask=partial(_ask_offered, version),
        path=_PATH,
        stops_launch=True,
        settles=(f"eks/kubernetes-version/{version}",),
    )
    if environment.cluster.upgrade_policy == "STANDARD":
        # Not the deployment: EKS upgrades the control plane of its own accord.
        yield Question(
            subject=f"support of {version}",
            expected="standard support",
            ask=partial(_ask_support, version),
            path=_PATH,
        )


def _ask_offered(version: str, account: Account) -> Answer:
    found = _described(version, account)
    if _status(found) == _UNSUPPORTED:
        return no(f"EKS doesn't offer Kubernetes {version}", _remedy(account))
    return yes(_spelled(found))


def _ask_support(version: str, account: Account) -> Answer:
    found = _described(version, account)
    if _status(found) != _STANDARD:
        return no(
            _spelled(found),
            f"{_remedy(account)}; a cluster that runs in extended support states upgrade_policy EXTENDED until then",
        )
    return yes(_spelled(found))


def _described(version: str, account: Account) -> Mapping[str, Any]:
    answer = account.call("eks", "describe_cluster_versions", clusterVersions=[version], includeAll=True)
    found = [item for item in answer["clusterVersions"] if item["clusterVersion"] == version]
    return found[0] if found else {}


def _status(found: Mapping[str, Any]) -> str:
    return str(found.get("versionStatus") or _UNSUPPORTED)


def _spelled(found: Mapping[str, Any]) -> str:
    ends = {"standard": found.get("endOfStandardSupportDate"), "extended": found.get("endOfExtendedSupportDate")}
    told = [f"{name} support until {day:%Y-%m-%d}" for name, day in ends.items() if isinstance(day, datetime)]
    return ", ".join([_status(found), *told])


def _remedy(account: Account) -> str:
    answer = account.call("eks", "describe_cluster_versions", versionStatus=_STANDARD)
    offered = sorted(item["clusterVersion"] for item in answer["clusterVersions"])
    return f"raise kubernetes_version to one of {', '.join(offered)}" if offered else "raise kubernetes_version"


KUBERNETES_VERSION: Final = Probe(
    id="kubernetes-version",
    asks="Does EKS offer the Kubernetes version, and is it in standard support?",
    permissions=(Permission(action="eks:DescribeClusterVersions"),),
    questions=_questions,
)
