"""Probe: something that only an AWS account can answer, asked of it in one way, and the answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.environment import Environment

DENIED_CODES: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "UnauthorizedOperation",
    }
)
"""Error codes with which services refuse a caller that may not ask (each service's API reference, common errors)."""


class Verdict(StrEnum):
    """Verdict of an answer."""

    YES = "yes"
    """As the environment needs it."""
    NO = "no"
    """Otherwise than the environment needs it."""
    DENIED = "denied"
    """The credentials may not ask."""
    UNCLEAR = "unclear"
    """AWS throttled, failed, or gave an answer that settles nothing."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Answer of an account.

    Attributes:
        verdict: yes, no, denied or unclear.
        observed: what AWS answered, in a few words.
        remedy: what to do about it; "" after a yes.
    """

    verdict: Verdict
    observed: str
    remedy: str = ""


def yes(observed: str) -> Answer:
    """Answer as the environment needs it."""
    return Answer(verdict=Verdict.YES, observed=observed)


def no(observed: str, remedy: str) -> Answer:
    """Answer otherwise than the environment needs it."""
    return Answer(verdict=Verdict.NO, observed=observed, remedy=remedy)


def unclear(observed: str, remedy: str) -> Answer:
    """Answer that settles nothing."""
    return Answer(verdict=Verdict.UNCLEAR, observed=observed, remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class Permission:
    """IAM action that a probe needs.

    Attributes:
        action: `eks:DescribeNodegroup`.
        resources: ARNs with the placeholders `{partition}`, `{account}`, `{region}`, `{name}` (the environment's),
            `{cluster}` (its cluster's name) and `{node_role}` (ARN of its nodes' role); "*" where the action takes no
            ARN (Service Authorization Reference, high).
        conditions: of the statement, each an operator, a key and a value of IAM.
    """

    action: str
    resources: tuple[str, ...] = ("*",)
    conditions: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """Question of a probe about one thing of an environment.

    Attributes:
        subject: the thing, unique in its probe: `u-p6e-gb200x72 in us-east-1-dfw-2a`.
        expected: what the environment needs; an answer to another expectation is no answer to this one.
        ask: asks the account; None where the thing isn't there yet, and can only be asked about later.
        path: where the environment's file states the thing: `pools.rack-a.blocks`.
        stops_launch: a `no` means that nodes can't launch, or the deployment fails.
        settles: ids of facts that a `yes` verifies for this account, as `ultrafleet facts` lists them.
    """

    subject: str
    expected: str
    ask: Callable[[Account], Answer | None] = field(compare=False)
    path: str
    stops_launch: bool = False
    settles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Probe of an account.

    Attributes:
        id: its name in the answers' file and in reports.
        asks: the question, for people.
        permissions: IAM actions that it needs.
        questions: questions about an environment; none where the probe has nothing to ask of it.
        creates: True if it creates something in the account, and deletes it.
        cost: what that costs at most; "" of a probe that reads.
        later: why there may be nothing to ask about yet; "" where there always is.
    """

    id: str
    asks: str
    permissions: tuple[Permission, ...]
    questions: Callable[[Environment], Iterable[Question]]
    creates: bool = False
    cost: str = ""
    later: str = ""


def ask(question: Question, account: Account) -> Answer | None:
    """Answer of an account to a question; what AWS refuses is an answer, too. None: there is nothing to ask about yet.

    Args:
        question: the question.
        account: the account.
    """
    try:
        return question.ask(account)
    except AwsRefusalError as refusal:
        if refusal.code in DENIED_CODES:
            return Answer(
                verdict=Verdict.DENIED,
                observed=f"{refusal.action} is refused ({refusal.code})",
                remedy=f"allow {refusal.action}: `ultrafleet doctor ENV --policy` prints the policy",
            )
        return unclear(
            f"{refusal.action} fails: {refusal.code}: {refusal.message}", "ask again; if it stays, read AWS's message"
        )
