"""Accounts and regions that the capacity commands ask, with boto3."""

import difflib
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from ultrafleet.cli.aws_session import session
from ultrafleet.errors import FleetError
from ultrafleet.offers import Place
from ultrafleet.rules.zones import validate_region

_SESSION_NAME: Final = "ultrafleet-capacity"
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60
_TRIES: Final = 4
_MAKING: Final = threading.Lock()
"""boto3 makes no clients in two threads at once."""


def places(regions: Iterable[str], *, profiles: Sequence[str] = (), roles: Sequence[str] = ()) -> list[Place]:
    """Every account in every region: of each profile and each role, or of the credentials that boto3 finds.

    Args:
        regions: the regions.
        profiles: names of profiles of the AWS configuration.
        roles: ARNs of roles that the credentials that boto3 finds may assume.

    Raises:
        FleetError: boto3 isn't installed, or there is no such region.
    """
    wanted = list(dict.fromkeys(regions))
    _refuse_unknown(wanted)
    sessions: dict[str, Callable[[str], Any]] = {
        **{f"profile {name}": _from_profile(name) for name in profiles},
        **{arn: _from_role(arn) for arn in roles},
    }
    return [
        _place(credentials, region, opened)
        for region in wanted
        for credentials, opened in (sessions or {"the default profile": session}).items()
    ]


def _place(credentials: str, region: str, open_session: Callable[[str], Any]) -> Place:
    opened: list[Any] = []

    def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
        from botocore.config import Config  # noqa: PLC0415 - only the commands that ask AWS need it

        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
        )
        with _MAKING:
            if not opened:
                opened.append(open_session(region))
            return opened[0].client(service, config=config)

    return Place(credentials=credentials, region=region, client=client)


def _from_profile(name: str) -> Callable[[str], Any]:
    def opened(region: str) -> Any:  # noqa: ANN401 - boto3 has no types
        return session(region, profile=name)

    return opened


def _from_role(arn: str) -> Callable[[str], Any]:
    def opened(region: str) -> Any:  # noqa: ANN401 - boto3 has no types
        assumed = session(region).client("sts").assume_role(RoleArn=arn, RoleSessionName=_SESSION_NAME)["Credentials"]
        return session(
            region,
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
        )

    return opened


def _refuse_unknown(regions: Iterable[str]) -> None:
    """Refuse a region that AWS doesn't have, as far as botocore knows; an endpoint of one's own may have any."""
    from botocore.session import get_session  # noqa: PLC0415 - only the commands that ask AWS need it

    opened = session("us-east-1")
    known = {name for part in opened.get_available_partitions() for name in opened.get_available_regions("ec2", part)}
    version = get_session().user_agent_version
    for region in regions:
        validate_region(region)
        own = any(name.startswith("AWS_ENDPOINT_URL") for name in os.environ)
        if region not in known and not own:
            close = ", ".join(difflib.get_close_matches(region, sorted(known), n=3)) or "us-east-1"
            raise FleetError(
                path="--region",
                got=repr(region),
                expected=f"a region of EC2, such as {close}",
                remedy=f"correct it; for a region that is newer than botocore {version}, update boto3",
            )
