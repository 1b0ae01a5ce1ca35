"""Kinds of values in an environment's file."""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.catalog.models import MODELS
from ultrafleet.catalog.prices import prices
from ultrafleet.environment.collected import Found, UnknownValueError, refuse_all
from ultrafleet.environment.document import near
from ultrafleet.errors import FleetError
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version
from ultrafleet.rules.names import CLUSTER_NAME_PATTERN, NAME_PATTERN, NAME_RULE, is_name, validate_cluster_name
from ultrafleet.rules.zones import REGION_PATTERN, ZONE_PATTERN, is_zone, validate_region, validate_zone

_NEAR_TYPE = 0.85
"""Names of types are alike: m7i.xlarge is none that is meant by g7.xlarge."""
_ACCOUNT = re.compile(r"\d{12}")
_BUCKET_PATTERN = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
"""S3 user guide, bucket naming rules (high)."""
_BUCKET = re.compile(_BUCKET_PATTERN)
_WEIGHTS_PATTERN = r"s3://[^/\s]+/\S*[^/\s]"
_WEIGHTS = re.compile(_WEIGHTS_PATTERN)
_CERTIFICATE_ARN_PATTERN = r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/\S+"
_CERTIFICATE_ARN = re.compile(_CERTIFICATE_ARN_PATTERN)
ROLE_ARN_PATTERN = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+"
"""Regular expression of an IAM role's ARN."""
_ROLE_ARN = re.compile(ROLE_ARN_PATTERN)
_HEX = r"([0-9a-f]{8}|[0-9a-f]{17})"
_ARN = r"arn:aws[a-z-]*"
_TOPIC_ARN = rf"{_ARN}:sns:[a-z0-9-]+:[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}"
_KEY_ARN = rf"{_ARN}:kms:[a-z0-9-]+:[0-9]{{12}}:key/[A-Za-z0-9-]+"


class Settings(BaseModel):
    """Unknown keys and wrong types are errors, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together: where one is wrong, the checks that don't read it are made all the same."""
        yield from ()

    @model_validator(mode="after")
    def _keys_fit_together(self) -> Self:
        refuse_all(found for check in self.checks() for found in check)
        return self

    if not TYPE_CHECKING:  # it would hide misspelt attributes from type checkers

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of any key
            """Refuse to read a key that is wrong: only a part that isn't right has none of its own keys."""
            if name in type(self).model_fields:
                raise UnknownValueError(name)
            return super().__getattr__(name)


def _check_name(name: str) -> str:
    if not is_name(name):
        raise FleetError(f"expected {NAME_RULE}", path="name", got=repr(name), expected=NAME_RULE)
    return name


def _check_zone(zone: str) -> str:
    validate_zone(zone)
    return zone


def _check_region(region: str) -> str:
    try:
        validate_region(region)
    except FleetError as error:
        found = near(region, sorted({price.region for price in prices() if price.region}))
        if found is None or is_zone(region):
            raise
        raise FleetError(path="region", got=error.got, expected=error.expected, remedy=f"write {found}") from None
    return region


def _check_kubernetes_version(version: str) -> str:
    parse_kubernetes_version(version)
    return version


def _check_account(account: str) -> str:
    if not _ACCOUNT.fullmatch(account):
        expected = "twelve digits in quotes, an AWS account id"
        raise FleetError(f"expected {expected}", path="account", got=repr(account), expected=expected)
    return account


def _check_cluster_name(name: str) -> str:
    validate_cluster_name(name)
    return name


def _check_instance_type(name: str) -> str:
    try:
        InstanceType.of(name)
    except FleetError as error:
        raise _in_a_file(error, name, [item.name for item in InstanceType.all() if item.name]) from None
    return name


def _check_ultraserver_type(name: str) -> str:
    try:
        UltraServerType.of(name)
    except FleetError as error:
        raise _in_a_file(error, name, [item.name for item in UltraServerType.all() if item.name]) from None
    return name


def _in_a_file(error: FleetError, name: str, known: Sequence[str]) -> FleetError:
    """The same error with a remedy that a file can have: it passes no facts in Python."""
    message = str(error).removesuffix(f": {error.remedy}")
    found = near(name, known, cutoff=_NEAR_TYPE)
    remedy = f"write {found}" if found else "`ultrafleet types` lists them"
    return FleetError(f"{message}: {remedy}", path=error.path, got=error.got, expected=error.expected, remedy=remedy)


def _check_role_arn(arn: str) -> str:
    if not _ROLE_ARN.fullmatch(arn):
        name = arn.removeprefix("role/").rpartition("/")[2] or "NAME"
        raise FleetError(
            path="role",
            got=repr(arn),
            expected="the ARN of an IAM role",
            remedy=f"write arn:aws:iam::ACCOUNT:role/{name}, with the account of the role",
        )
    return arn


def _check_network(cidr: str) -> str:
    try:
        ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise FleetError(
            path="network",
            got=repr(cidr),
            expected="an IPv4 network such as 10.8.0.0/16",
            remedy=f"correct it: {error}",
        ) from None
    return cidr


def _check_model(name: str) -> str:
    if name not in MODELS:
        found = near(name, [*MODELS])
        raise FleetError(
            path="model",
            got=repr(name),
            expected=f"one of {', '.join(MODELS)}",
            remedy=f"write {found}" if found else "write one of them: others have no recipe",
        )
    return name


def _check_weights(address: str) -> str:
    if not _WEIGHTS.fullmatch(address):
        raise FleetError(
            path="weights",
            got=repr(address),
            expected="s3://BUCKET/PREFIX without a slash at the end",
            remedy="name the folder of the model's files in S3",
        )
    return address


def _check_bucket(name: str) -> str:
    if not _BUCKET.fullmatch(name):
        raise FleetError(
            path="bucket",
            got=repr(name),
            expected="the name of an S3 bucket: 3 to 63 lower-case letters, digits, '.' and '-'",
            remedy="write the name alone, without s3:// and prefix",
        )
    return name


def _check_certificate_arn(arn: str) -> str:
    if not _CERTIFICATE_ARN.fullmatch(arn):
        raise FleetError(
            path="certificate",
            got=repr(arn),
            expected="the ARN of a certificate in ACM, arn:aws:acm:REGION:ACCOUNT:certificate/ID",
            remedy="take it from `aws acm list-certificates`",
        )
    return arn


def _text(pattern: str) -> WithJsonSchema:
    """Schema of a text that is checked by more than its pattern."""
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$"})


def _one_of(names: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": sorted(names)})


Name = Annotated[str, AfterValidator(_check_name), _text(NAME_PATTERN)]
# Not strict itself: YAML has lists and no tuples. Its members are.
FileInterface = Annotated[tuple[int, int, Literal["interface", "efa", "efa-only"]], Field(strict=False)]
Zone = Annotated[str, AfterValidator(_check_zone), _text(ZONE_PATTERN)]
Region = Annotated[str, AfterValidator(_check_region), _text(REGION_PATTERN)]
KubernetesVersion = Annotated[str, AfterValidator(_check_kubernetes_version), _text(r"1\.[0-9]+")]
Network = Annotated[str, AfterValidator(_check_network), _text(r"[0-9.]+(/[0-9]+)?")]
Bucket = Annotated[str, AfterValidator(_check_bucket), _text(_BUCKET_PATTERN)]
ModelName = Annotated[str, AfterValidator(_check_model), _one_of(MODELS)]
Weights = Annotated[str, AfterValidator(_check_weights), _text(_WEIGHTS_PATTERN)]
CertificateArn = Annotated[str, AfterValidator(_check_certificate_arn), _text(_CERTIFICATE_ARN_PATTERN)]
RoleArn = Annotated[str, AfterValidator(_check_role_arn), _text(ROLE_ARN_PATTERN)]
Account = Annotated[str, AfterValidator(_check_account), _text(r"[0-9]{12}")]
InstanceTypeName = Annotated[
    str, AfterValidator(_check_instance_type), _one_of(item.name for item in InstanceType.all() if item.name)
]
UltraServerTypeName = Annotated[
    str, AfterValidator(_check_ultraserver_type), _one_of(item.name for item in UltraServerType.all() if item.name)
]
# The time's separator, its seconds and the space before its offset are as free as in YAML.
Day = Annotated[date, WithJsonSchema({"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})]
"""Day of the calendar."""
Moment = Annotated[
    datetime,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?"
            r"([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))$",
        }
    ),
]
"""Moment with an offset from UTC."""


def _matching(pattern: str, kind: str, expected: str, remedy: str) -> AfterValidator:
    """Refuses a text that isn't of a pattern."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise FleetError(path=kind, got=repr(value), expected=expected, remedy=remedy)
        return value

    return AfterValidator(check)


def _id(prefix: str) -> AfterValidator:
    example = f"an id such as {prefix}-0123456789abcdef0"
    return _matching(f"{prefix}-{_HEX}", "id", example, "copy it from EC2's console or its describe call")


def _arn(pattern: str, example: str) -> AfterValidator:
    return _matching(pattern, "ARN", f"an ARN such as {example}", "a name alone isn't enough")


VpcId = Annotated[str, _id("vpc"), _text(f"vpc-{_HEX}")]
SecondaryNetworkId = Annotated[str, _id("sn"), _text(f"sn-{_HEX}")]
SubnetId = Annotated[str, _id("subnet"), _text(f"subnet-{_HEX}")]
SecurityGroupId = Annotated[str, _id("sg"), _text(f"sg-{_HEX}")]
RouteTableId = Annotated[str, _id("rtb"), _text(f"rtb-{_HEX}")]
TopicArn = Annotated[str, _arn(_TOPIC_ARN, "arn:aws:sns:us-east-1:111122223333:alarms"), _text(_TOPIC_ARN)]
KeyArn = Annotated[
    str,
    _arn(_KEY_ARN, "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000"),
    _text(_KEY_ARN),
]
ClusterName = Annotated[str, AfterValidator(_check_cluster_name), _text(CLUSTER_NAME_PATTERN)]
