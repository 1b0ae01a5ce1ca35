"""Questions of a programme to each of its accounts: quotas, opt-ins, offerings, allow-listing, bootstrap."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

from ultrafleet.catalog import UltraServerType
from ultrafleet.catalog.capacity_blocks import NOT_ALLOWED_MESSAGE
from ultrafleet.doctor import Answer, Question, Verdict, ask
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import DENIED_CODES, Permission, no, unclear, yes
from ultrafleet.doctor.probes.identity import REGION
from ultrafleet.doctor.probes.instance_types import OFFERING, offering_question
from ultrafleet.doctor.probes.kubernetes_versions import KUBERNETES_VERSION
from ultrafleet.doctor.probes.zones import CONTROL_PLANE_ZONE, ZONE_OPT_IN
from ultrafleet.environment import Environment
from ultrafleet.programme_preflight import quotas
from ultrafleet.programme_preflight.comparing import compared
from ultrafleet.programme_preflight.finding import Finding, Standing
from ultrafleet.programme_preflight.needs import Need, Place

PROBES: Final = (REGION, ZONE_OPT_IN, CONTROL_PLANE_ZONE, OFFERING, KUBERNETES_VERSION)
"""Probes of `ultrafleet doctor` that are asked of every cell, each question once an account and region."""
PERMISSIONS: Final = (
    Permission(action="ec2:DescribeAddresses"),
    Permission(action="ec2:DescribeCapacityBlockOfferings"),
    Permission(action="ec2:DescribeVpcs"),
    Permission(
        action="servicequotas:GetServiceQuota",
        resources=tuple(
            f"arn:{{partition}}:servicequotas:{region}:{{account}}:{service}/*"
            for service, region in sorted(
                {
                    (item.service, quotas.GLOBAL_REGION if item is quotas.ROLES else "{region}")
                    for item in quotas.QUOTAS
                    if item.code is not None
                }
            )
        ),
    ),
    Permission(
        action="ssm:GetParameter",
        resources=("arn:{partition}:ssm:{region}:{account}:parameter/cdk-bootstrap/hnb659fds/version",),
    ),
)
"""IAM permissions of the other questions; with those of the probes they are all that is asked."""
_NO_QUOTA: Final = "NoSuchResourceException"
_NO_PARAMETER: Final = "ParameterNotFound"
_BOOTSTRAP: Final = "/cdk-bootstrap/hnb659fds/version"
_DAY_HOURS: Final = 24
_STACK_TAG: Final = "aws:cloudformation:stack-name"
_STANDINGS: Final = {
    Verdict.YES: Standing.ENOUGH,
    Verdict.NO: Standing.SHORT,
    Verdict.DENIED: Standing.UNKNOWN,
    Verdict.UNCLEAR: Standing.UNKNOWN,
}


def offline(needs: Sequence[Need]) -> list[Finding]:
    """Findings without an account: needs beside the documented values.

    Args:
        needs: needs of the programme.
    """
    return [compared(need, float(need.quota.documented.value), source="default, not asked") for need in needs]


def asked(
    place: Place,
    needs: Sequence[Need],
    cells: Sequence[Environment],
    account: Account,
    account_of_iam: Account,
    *,
    names: AbstractSet[str],
) -> Iterator[Finding]:
    """Findings of one account and region.

    Args:
        place: account and region.
        needs: needs of this account and region, and of the account in all regions.
        cells: a cell of each kind as an environment.
        account: answers for the region.
        account_of_iam: answers for the region in which quotas of IAM are read.
        names: names of all its cells.
    """
    for need in needs:
        yield _quota(need, account_of_iam if need.quota is quotas.ROLES else account, names)
    seen: set[tuple[str, str, str]] = set()
    for environment in cells:
        for probe, question in _questions(environment):
            if (key := (probe, question.subject, question.expected)) not in seen:
                seen.add(key)
                yield _answered(place, probe, question, account)


def _quota(need: Need, account: Account, own: AbstractSet[str]) -> Finding:
    code = need.quota.code
    if code is None:
        return compared(need, float(need.quota.documented.value), source="default; its code isn't known, not asked")
    try:
        found = account.call("service-quotas", "get_service_quota", ServiceCode=need.quota.service, QuotaCode=code)
        value = float(found["Quota"]["Value"])
    except AwsRefusalError as refusal:
        if refusal.code == _NO_QUOTA:
            source = "default; Service Quotas has no value of the account's own"
            return compared(need, float(need.quota.documented.value), source=source)
        return _unanswered(need, refusal)
    try:
        others = _OTHERS[need.quota.key](account, own) if need.quota.key in _OTHERS else 0
    except AwsRefusalError as refusal:
        return _unanswered(need, refusal)
    return compared(need, value, source="applied", others=others)


def _unanswered(need: Need, refusal: AwsRefusalError) -> Finding:
    remedy = (
        f"allow {refusal.action}: `ultrafleet programme preflight NAME --policy` prints the policy"
        if refusal.code in DENIED_CODES
        else "ask again; if it stays, read AWS's message"
    )
    where = f", {need.where}" if need.where else ""
    return Finding(
        place=need.place,
        standing=Standing.UNKNOWN,
        what=f"{need.quota.service}: {need.quota.quota}{where}",
        observed=f"{refusal.action} fails: {refusal.code}",
        expected=f"{need.now:,} for the racks that are reserved, {need.full:,} for every slot",
        remedy=remedy,
        need=need,
    )


def _other_vpcs(account: Account, own: AbstractSet[str]) -> int:
    """VPCs of the region that no cell's stack made, a default VPC with them."""
    return sum(not _is_own(item, own) for item in account.pages("ec2", "describe_vpcs", "Vpcs"))


def _other_addresses(account: Account, own: AbstractSet[str]) -> int:
    """Elastic IP addresses of the region that no cell's stack made."""
    return sum(not _is_own(item, own) for item in account.call("ec2", "describe_addresses")["Addresses"])


def _is_own(item: dict[str, object], own: AbstractSet[str]) -> bool:
    tags = item.get("Tags")
    stack = next((tag["Value"] for tag in tags if tag["Key"] == _STACK_TAG), "") if isinstance(tags, list) else ""
    return any(stack.startswith(f"{cell}-") for cell in own)


_OTHERS: Final[dict[str, Callable[[Account, AbstractSet[str]], int]]] = {
    quotas.VPCS.key: _other_vpcs,
    quotas.ELASTIC_IPS.key: _other_addresses,
}


def _questions(environment: Environment) -> Iterator[tuple[str, Question]]:
    for probe in PROBES:
        for question in probe.questions(environment):
            yield probe.id, question
    yield from _questions_of_slots(environment)
    yield (
        "bootstrap",
        Question(subject="CDK bootstrap stack", expected="it", ask=partial(_ask_bootstrap, environment), path="region"),
    )


def _questions_of_slots(environment: Environment) -> Iterator[tuple[str, Question]]:
    """Offering and allow-listing of a cell's racks, also before one is reserved."""
    if environment.slots is None:
        return
    kind = UltraServerType.from_name(str(environment.slots.ultraserver_type))
    zones = sorted({item.availability_zone for item in environment.network.subnets if item.kind == "accelerator"})
    for zone in zones if kind.instance_type is not None else ():
        yield OFFERING.id, offering_question((str(kind.instance_type),), zone, path="slots")
    yield (
        "allow-listing",
        Question(
            subject=f"{kind} in {environment.region}",
            expected="the account is on AWS's list for UltraServers",
            ask=partial(_ask_allowed, str(kind)),
            path="slots",
        ),
    )


def _ask_allowed(kind: str, account: Account) -> Answer:
    try:
        account.call(
            "ec2",
            "describe_capacity_block_offerings",
            UltraserverType=kind,
            UltraserverCount=1,
            CapacityDurationHours=_DAY_HOURS,
        )
    except AwsRefusalError as refusal:
        if NOT_ALLOWED_MESSAGE in refusal.message:
            return no("it isn't: EC2 refuses to show UltraServers to it", "ask the account team to put it on the list")
        raise
    return yes("EC2 shows it UltraServers")


def _ask_bootstrap(environment: Environment, account: Account) -> Answer:
    try:
        found = account.call("ssm", "get_parameter", Name=_BOOTSTRAP)["Parameter"]["Value"]
    except AwsRefusalError as refusal:
        if refusal.code == _NO_PARAMETER:
            return no(
                "not there under the default qualifier",
                f"npx cdk bootstrap aws://{environment.account}/{environment.region}",
            )
        raise
    return yes(f"version {found}") if str(found).isdecimal() else unclear(f"its version is {found}", "look at it")


def _answered(place: Place, probe: str, question: Question, account: Account) -> Finding:
    answer = ask(question, account) or unclear("nothing to ask about yet", "")
    remedy = answer.remedy.replace("ultrafleet doctor ENV", "ultrafleet programme preflight NAME")
    is_command = remedy.startswith(("aws ", "npx "))
    region = f" --region {place.region}" if remedy.startswith("aws ") and "--region" not in remedy else ""
    asks_people = probe == "allow-listing" and answer.verdict is Verdict.NO
    return Finding(
        place=place,
        standing=_STANDINGS[answer.verdict],
        what=f"{probe}: {question.subject}",
        observed=answer.observed,
        expected=question.expected,
        remedy=remedy,
        command=f"{remedy}{region}" if is_command else "",
        letter=f"put account {place.account} on the list for {question.subject}" if asks_people else "",
    )
