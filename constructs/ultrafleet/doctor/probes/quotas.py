"""Probe of the quotas that an environment uses up."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.catalog.limits import NODE_GROUPS_QUOTA_CODE, on_demand_quota_code
from ultrafleet.doctor.account import Account
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import AcceleratorPoolSettings, Environment

_SYSTEM_GROUPS: Final = 1


def _questions(environment: Environment) -> Iterator[Question]:
    groups = _SYSTEM_GROUPS + sum(
        1 if not pool.blocks else sum(block.existing_node_group is None for block in pool.capacity_blocks)
        for pool in environment.pools
    )
    yield _question("eks", NODE_GROUPS_QUOTA_CODE.value, groups, "managed node groups of a cluster")
    for code, vcpus in sorted(_on_demand_vcpus(environment).items()):
        yield _question("ec2", code, vcpus, "running on-demand vCPUs")


def _question(service: str, code: str, least: int, what: str) -> Question:
    return Question(
        subject=f"{service} quota {code}: {what}",
        expected=f"at least {least}",
        ask=partial(_ask, service, code, least),
        path="pools",
        stops_launch=True,
    )


def _on_demand_vcpus(environment: Environment) -> Counter[str]:
    """On-demand vCPUs of pools without blocks, by the quota's code; those of their reservations are the same ones."""
    found: Counter[str] = Counter()
    for pool in environment.pools:
        if isinstance(pool, AcceleratorPoolSettings) and not pool.blocks:
            quota, vcpus = on_demand_quota_code(pool.instance.family), pool.instance.vcpus
            if quota is not None and vcpus is not None:
                found[quota.value] += pool.max_nodes * vcpus
    return found


def _ask(service: str, code: str, least: int, account: Account) -> Answer:
    quota = account.call("service-quotas", "get_service_quota", ServiceCode=service, QuotaCode=code)["Quota"]
    value = quota["Value"]
    if value >= least:
        return yes(f"{quota['QuotaName']} is {value:g}; what else the account uses isn't counted")
    return no(
        f"{quota['QuotaName']} is {value:g}",
        f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {least}",
    )


QUOTAS: Final = Probe(
    id="quota",
    asks="Is the quota as large as the file needs?",
    permissions=(
        Permission(
            action="servicequotas:GetServiceQuota",
            resources=(
                "arn:{partition}:servicequotas:{region}:{account}:ec2/*",
                "arn:{partition}:servicequotas:{region}:{account}:eks/*",
            ),
        ),
    ),
    questions=_questions,
)
