"""boto3, which the commands that ask AWS need and no other does."""

from functools import cache
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
        import botocore.session  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise FleetError(
            path="boto3", got="not installed", expected="it", remedy="pip install 'ultrafleet[preflight]'"
        ) from error
    core = botocore.session.get_session()
    if profile is not None:
        core.set_config_variable("profile", profile)
    loader = _loader(core.get_config_variable("data_path"))
    core.register_component("data_loader", loader)
    made = boto3.Session(region_name=region, profile_name=profile, botocore_session=core, **credentials)
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)  # each session adds boto3's again
    return made


@cache
def _loader(data_path: str | None) -> Any:  # noqa: ANN401 - boto3 has no types
    """Loader of AWS's service models: with one for each session, EC2's is read again for each account and region."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - only the commands that ask AWS need it

    return create_loader(data_path)
