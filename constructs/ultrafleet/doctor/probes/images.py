"""Probe of the images that EKS starts nodes with."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.catalog.eks import (
    AMI_PARAMETERS,
    P6E_FIRST_AMI_RELEASE,
    AmiType,
    al2023_ami_type,
    ami_release_parameter,
)
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, unclear, yes
from ultrafleet.environment import Environment

_RELEASE: Final = re.compile(r"-(\d{8})")
_MISSING: Final = "ParameterNotFound"


def _questions(environment: Environment) -> Iterator[Question]:
    oldest: dict[AmiType, int] = {}
    for pool in environment.pools:
        kind = pool.instance
        ami_type = al2023_ami_type(architecture=kind.architecture, accelerator=kind.accelerator_kind)
        if ami_type is not None:
            least = P6E_FIRST_AMI_RELEASE if kind.is_grace else 0
            oldest[ami_type] = max(oldest.get(ami_type, 0), least)
    version = environment.cluster.kubernetes_version
    for ami_type, least in sorted(oldest.items()):
        yield Question(
            subject=f"{ami_type} for Kubernetes {version}",
            expected=f"release {least} or newer" if least else "a release",
            ask=partial(_ask, ami_release_parameter(ami_type, version), least),
            path="cluster.kubernetes_version",
            stops_launch=True,
            settles=("eks/ami-parameter",),
        )


def _ask(parameter: str, least: int, account: Account) -> Answer:
    try:
        value = account.call("ssm", "get_parameter", Name=parameter)["Parameter"]["Value"]
    except AwsRefusalError as refusal:
        if refusal.code == _MISSING:
            return no(f"there is no parameter {parameter}", "use a Kubernetes version that EKS has this image for")
        raise
    found = _RELEASE.search(value)
    if found is None:
        return unclear(f"{parameter} is {value!r}, without a date", "look at the image's release yourself")
    if int(found[1]) < least:
        return no(
            f"the newest release is {value}", "use a newer Kubernetes version: the driver is too old for the GPUs"
        )
    return yes(f"the newest release is {value}")


IMAGES: Final = Probe(
    id="image",
    asks="Does EKS publish the nodes' image for the Kubernetes version, with a driver that knows the GPUs?",
    permissions=(
        Permission(
            action="ssm:GetParameter",
            resources=(f"arn:{{partition}}:ssm:{{region}}::parameter{AMI_PARAMETERS}*",),
        ),
    ),
    questions=_questions,
)
