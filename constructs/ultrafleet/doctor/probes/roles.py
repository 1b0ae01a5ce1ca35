"""Probe of the roles that EKS and EC2 Auto Scaling act with."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.catalog.eks import SERVICE_LINKED_ROLES
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment

_MISSING: Final = "NoSuchEntity"


def _questions(_environment: Environment) -> Iterator[Question]:
    for role in SERVICE_LINKED_ROLES:
        service, name = role.split("/")
        yield Question(subject=name, expected="there", ask=partial(_ask, service, name), path="account")


def _ask(service: str, name: str, account: Account) -> Answer:
    try:
        found = account.call("iam", "get_role", RoleName=name)["Role"]
    except AwsRefusalError as refusal:
        if refusal.code == _MISSING:
            return no(
                "the account doesn't have it yet",
                f"AWS makes it at its first use, for callers with iam:CreateServiceLinkedRole; or beforehand: "
                f"aws iam create-service-linked-role --aws-service-name {service}",
            )
        raise
    return yes(found["Arn"])


# IAM knows the path of a role that is there; of one that isn't it has the name alone (inferred, low).
ROLES: Final = Probe(
    id="service-linked-role",
    asks="Does the account have the role that AWS makes at a service's first use?",
    permissions=(
        Permission(
            action="iam:GetRole",
            resources=tuple(
                f"arn:{{partition}}:iam::{{account}}:role/{path}"
                for role in SERVICE_LINKED_ROLES
                for path in (f"aws-service-role/{role}", role.partition("/")[2])
            ),
        ),
    ),
    questions=_questions,
)
