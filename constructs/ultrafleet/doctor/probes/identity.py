"""Probes of the credentials' account and of the region."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.doctor.account import Account
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment

_ENABLED: Final = {"opt-in-not-required", "opted-in"}


def _account_questions(environment: Environment) -> Iterator[Question]:
    yield Question(
        subject="account of the credentials",
        expected=environment.account,
        ask=partial(_ask_account, environment.account),
        path="account",
    )


def _ask_account(wanted: str, account: Account) -> Answer:
    caller = account.call("sts", "get_caller_identity")
    if caller["Account"] == wanted:
        return yes(f"{caller['Arn']}")
    return no(f"{caller['Account']} ({caller['Arn']})", "choose another profile or role")


def _region_questions(environment: Environment) -> Iterator[Question]:
    yield Question(
        subject=environment.region,
        expected="enabled in the account",
        ask=partial(_ask_region, environment.region),
        path="region",
        stops_launch=True,
    )


def _ask_region(region: str, account: Account) -> Answer:
    answer = account.call("ec2", "describe_regions", AllRegions=True)
    status = {item["RegionName"]: item["OptInStatus"] for item in answer["Regions"]}.get(region)
    if status in _ENABLED:
        return yes(str(status))
    if status is None:
        return no("the partition has no such region", "correct the region's name")
    return no(status, f"aws account enable-region --region-name {region}")


ACCOUNT: Final = Probe(
    id="account",
    asks="Are the credentials those of the environment's account?",
    permissions=(Permission(action="sts:GetCallerIdentity"),),
    questions=_account_questions,
)
REGION: Final = Probe(
    id="region",
    asks="Is the region enabled in the account?",
    permissions=(Permission(action="ec2:DescribeRegions"),),
    questions=_region_questions,
)
