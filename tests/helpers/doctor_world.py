"""Account that the doctor asks: the embedded AWS, with calls that are checked against an IAM policy."""

import fnmatch
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.iam.models import iam_backends

from ultrafleet.cli import asked_account, live_account
from ultrafleet.cli.asked_account import AskedAccount
from ultrafleet.environment import Environment
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

REGION = "us-east-1"
_PREFIXES = {"monitoring": "cloudwatch"}
Document = dict[str, Any]


@dataclass
class Guard:
    """Rights of a caller, as IAM has them, and what it called.

    Attributes:
        account: the environment's.
        document: identity policy; None allows everything.
        refused: actions that are refused whatever the policy says.
        calls: action and resource of each call that was allowed.
    """

    account: str = ""
    document: Document | None = None
    refused: set[str] = field(default_factory=set)
    calls: set[tuple[str, str]] = field(default_factory=set)

    def check(self, action: str, resource: str) -> None:
        if action in self.refused or not (self.document is None or allows(self.document, action, resource)):
            code = "UnauthorizedOperation" if action.startswith("ec2:") else "AccessDeniedException"
            error = {"Code": code, "Message": f"not authorized to perform: {action} on resource: {resource}"}
            raise ClientError({"Error": error}, action.partition(":")[2])
        self.calls.add((action, resource))


GUARDS: list[Guard] = []
"""The guard of this moment, last: clients are expensive to make, and outlive their tests."""


class _Session:
    """boto3 session whose every call the guard checks before botocore validates its parameters."""

    def client(self, service: str, **_: Any) -> Any:
        return _client(service, os.environ["AWS_ACCESS_KEY_ID"])


@cache
def _client(service: str, access_key: str) -> Any:
    session = boto3.Session(
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key="none",  # noqa: S106 - nothing checks it
    )

    def before(params: Any, model: Any, **_: Any) -> None:
        name = model.service_model.signing_name
        action = f"{_PREFIXES.get(name, name)}:{model.name}"
        GUARDS[-1].check(action, resource_of(action, params, GUARDS[-1].account))

    session.events.register("before-parameter-build", before)
    return session.client(service)


def allows(document: Document, action: str, resource: str) -> bool:
    return any(
        action in statement["Action"]
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        for statement in document["Statement"]
    )


def resource_of(action: str, params: dict[str, Any], account: str) -> str:
    """ARN of what a call is about, as IAM sees it; "*" of actions without a resource."""
    region = REGION
    makers: dict[str, Callable[[], str]] = {
        "cloudformation:GetTemplate": lambda: (
            f"arn:aws:cloudformation:{region}:{account}:stack/{params['StackName']}/1"
        ),
        "eks:DescribeAddon": lambda: (
            f"arn:aws:eks:{region}:{account}:addon/{params['clusterName']}/{params['addonName']}/1"
        ),
        "eks:DescribeCluster": lambda: f"arn:aws:eks:{region}:{account}:cluster/{params['name']}",
        "eks:ListNodegroups": lambda: f"arn:aws:eks:{region}:{account}:cluster/{params['clusterName']}",
        "eks:DescribeNodegroup": lambda: (
            f"arn:aws:eks:{region}:{account}:nodegroup/{params['clusterName']}/{params['nodegroupName']}/1"
        ),
        "iam:GetRole": lambda: _role(account, params["RoleName"]),
        "iam:ListAttachedRolePolicies": lambda: _role(account, params["RoleName"]),
        "servicequotas:GetServiceQuota": lambda: (
            f"arn:aws:servicequotas:{region}:{account}:{params['ServiceCode']}/{params['QuotaCode']}"
        ),
        "logs:DescribeLogGroups": lambda: f"arn:aws:logs:{region}:{account}:log-group:{params['logGroupNamePrefix']}",
        "logs:DescribeLogStreams": lambda: (
            f"arn:aws:logs:{region}:{account}:log-group:{params['logGroupName']}:log-stream:"
        ),
        "ssm:GetParameter": lambda: f"arn:aws:ssm:{region}::parameter{params['Name']}",
    }
    for name in (
        "CreateChangeSet",
        "CreateStack",
        "DeleteStack",
        "DescribeChangeSet",
        "DescribeStackEvents",
        "DescribeStackResourceDrifts",
        "DetectStackDrift",
        "ListStackResources",
    ):
        makers[f"cloudformation:{name}"] = makers["cloudformation:GetTemplate"]
    makers["eks:CreateNodegroup"] = makers["eks:ListNodegroups"]
    makers["eks:DeleteNodegroup"] = makers["eks:UpdateNodegroupConfig"] = makers["eks:DescribeNodegroup"]
    makers["ec2:CreateLaunchTemplate"] = makers["ec2:DeleteLaunchTemplate"] = lambda: (
        f"arn:aws:ec2:{region}:{account}:launch-template/lt-1"
    )
    makers["resource-groups:DeleteGroup"] = lambda: (
        f"arn:aws:resource-groups:{region}:{account}:group/{params['Group']}"
    )
    return makers[action]() if action in makers else "*"


def _role(account: str, name: str) -> str:
    known = next((role for role in iam_backends[account]["aws"].roles.values() if role.name == name), None)
    return f"arn:aws:iam::{account}:role/{name}" if known is None else str(known.arn)


class SimulatedTime(AskedAccount):
    """Account whose time is that of the embedded AWS."""

    def now(self) -> datetime:
        return SIMULATED_ACCOUNT.now

    def wait(self, seconds: float) -> None:
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(seconds=seconds))


@contextmanager
def guarded(monkeypatch: pytest.MonkeyPatch, environment: Environment) -> Iterator[tuple[AskedAccount, Guard]]:
    """Credentials of the environment's account, and the guard of their calls; the command's calls, too."""
    guard = Guard(environment.account)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", environment.account)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")

    for module in (asked_account, live_account):
        monkeypatch.setattr(module, "session", lambda _region: _Session())
    GUARDS.append(guard)
    yield SimulatedTime(environment), guard
    GUARDS.pop()
