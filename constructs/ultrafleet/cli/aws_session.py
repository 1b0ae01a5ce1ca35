"""boto3, which the commands that ask AWS need and no other does."""

from typing import Any

from ultrafleet.errors import FleetError


def session(region: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """boto3 session with the credentials that boto3 finds.

    Args:
        region: the region that is asked.

    Raises:
        FleetError: boto3 isn't installed.
    """
    try:
        import boto3  # noqa: PLC0415 - only the commands that ask AWS need it
    except ModuleNotFoundError as error:
        raise FleetError(
            path="boto3", got="not installed", expected="it", remedy="pip install 'ultrafleet[preflight]'"
        ) from error
    return boto3.Session(region_name=region)
