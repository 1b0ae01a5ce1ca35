"""Service Quotas whose codes the catalog has: on-demand vCPUs as of an account that asked, all others by default."""

from collections.abc import Iterator
from typing import Any, Final

from moto.servicequotas.models import ServiceQuotasBackend

from ultrafleet.catalog import limits
from ultrafleet.catalog.limits import NODE_GROUPS_PER_CLUSTER, NODE_GROUPS_QUOTA_CODE, on_demand_quota_code
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

_VCPUS: Final = 10_000
"""On-demand vCPUs of each family. AWS gives new accounts none, with which no pool on demand could be rehearsed."""
_CODE: Final = "/quota-code"
_FAMILIES: Final = {"p": "P", "trn": "Trn", "dl": "DL", "inf": "Inf", "g": "G and VT"}


class Quotas:
    """Quotas of an account in a region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self.values: dict[tuple[str, str], tuple[str, float]] = dict(_defaults())
        node_groups = float(NODE_GROUPS_PER_CLUSTER.value)
        self.values["eks", NODE_GROUPS_QUOTA_CODE.value] = ("Managed node groups per cluster", node_groups)
        for family, name in _FAMILIES.items():
            code = on_demand_quota_code(family)
            if code is not None:
                self.values["ec2", code.value] = (f"Running On-Demand {name} instances", float(_VCPUS))

    def set(self, service: str, code: str, value: float) -> None:
        """Change the value of a quota that is known."""
        name, _ = self.values[service, code]
        self.values[service, code] = (name, value)


def _defaults() -> Iterator[tuple[tuple[str, str], tuple[str, float]]]:
    """Service, code, name and documented value of each quota that has both in the catalog."""
    known = dict(limits.facts())
    for fact_id, code in known.items():
        limit = fact_id.removesuffix(_CODE)
        if limit != fact_id and code.value is not None and limit in known:
            _, service, *name = limit.split("/")
            yield (service, str(code.value)), (" ".join(name).replace("-", " "), float(known[limit].value))


def install() -> None:
    """Let GetServiceQuota answer for what the catalog knows, too."""
    plain = ServiceQuotasBackend.get_service_quota

    def get_service_quota(self: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
        known = SIMULATED_ACCOUNT.part(Quotas, self.account_id, self.region_name).values
        if (service_code, quota_code) not in known:
            return plain(self, service_code, quota_code)
        name, value = known[service_code, quota_code]
        return {
            "ServiceCode": service_code,
            "QuotaArn": f"arn:aws:servicequotas:{self.region_name}:{self.account_id}:{service_code}/{quota_code}",
            "QuotaCode": quota_code,
            "QuotaName": name,
            "Value": value,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }

    ServiceQuotasBackend.get_service_quota = get_service_quota  # type: ignore[method-assign]  # this is how moto is extended
