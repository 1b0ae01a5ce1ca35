"""boto3, which the commands that ask AWS need and no other does."""

from typing import Any

from ultrafleet.errors import FleetError


def session(region: str, *, profile: str | None = None, **credentials: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """boto3 session with the credentials that boto3 finds, or with others.

    Args:
        region: the region that is asked.
        profile: profile of the AWS configuration. Default: as boto3 chooses.
        credentials: those of an assumed role, in boto3's names. Default: as boto3 finds them.

    Raises:
        FleetError: boto3 isn't installed.
    """
    try:
        import boto3  # noqa: PLC0415 - only the commands that ask AWS need it
    except ModuleNotFoundError as error:
        raise FleetError(
            path="boto3", got="not installed", expected="it", remedy="pip install 'ultrafleet[preflight]'"
        ) from error
    return boto3.Session(region_name=region, profile_name=profile, **credentials)
