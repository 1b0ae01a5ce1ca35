"""Kinds of values in an environment's file."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.errors import FleetError
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.names import NAME_RULE, is_name
from ultrafleet.rules.zones import validate_region, validate_zone

_ACCOUNT = re.compile(r"\d{12}")


class Settings(BaseModel):
    """Unknown keys and wrong types are errors, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _check_name(name: str) -> str:
    if not is_name(name):
        raise FleetError(f"expected {NAME_RULE}", path="name", got=repr(name), expected=NAME_RULE)
    return name


def _check_zone(zone: str) -> str:
    validate_zone(zone)
    return zone


def _check_region(region: str) -> str:
    validate_region(region)
    return region


def _check_kubernetes_version(version: str) -> str:
    parse_kubernetes_version(version)
    return version


def _check_account(account: str) -> str:
    if not _ACCOUNT.fullmatch(account):
        expected = "twelve digits in quotes, an AWS account id"
        raise FleetError(f"expected {expected}", path="account", got=repr(account), expected=expected)
    return account


def _check_instance_type(name: str) -> str:
    try:
        InstanceType.of(name)
    except FleetError as error:
        raise _without_remedy(error) from None
    return name


def _check_ultraserver_type(name: str) -> str:
    try:
        UltraServerType.of(name)
    except FleetError as error:
        raise _without_remedy(error) from None
    return name


def _without_remedy(error: FleetError) -> FleetError:
    """The same error where its remedy can't be applied: a file passes no facts in Python."""
    message = str(error).removesuffix(f": {error.remedy}")
    return FleetError(message, path=error.path, got=error.got, expected=error.expected)


Name = Annotated[str, AfterValidator(_check_name)]
# Not strict itself: YAML has lists and no tuples. Its members are.
FileInterface = Annotated[tuple[int, int, Literal["interface", "efa", "efa-only"]], Field(strict=False)]
Zone = Annotated[str, AfterValidator(_check_zone)]
Region = Annotated[str, AfterValidator(_check_region)]
KubernetesVersion = Annotated[str, AfterValidator(_check_kubernetes_version)]
Account = Annotated[str, AfterValidator(_check_account)]
InstanceTypeName = Annotated[str, AfterValidator(_check_instance_type)]
UltraServerTypeName = Annotated[str, AfterValidator(_check_ultraserver_type)]
