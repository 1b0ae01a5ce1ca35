"""Accounts that are asked through the lookup role of `cdk bootstrap`, which reads and changes nothing."""

import json
from pathlib import Path
from typing import Any, Final

from ultrafleet.cli.aws_session import session
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import MANIFEST

_PARTITION: Final = "${AWS::Partition}"


def lookup_session(environment: Environment, folder: Path) -> Any:  # noqa: ANN401 - boto3 has no types
    """boto3 session for an environment's account: with the credentials that boto3 finds, or the lookup role by them.

    Args:
        environment: the environment.
        folder: of its cloud assembly, whose manifest names the role.

    Raises:
        FleetError: boto3 isn't installed, or the account can't be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3

    plain = session(environment.region)
    try:
        client = plain.client("sts")
        caller = client.get_caller_identity()
        if caller["Account"] == environment.account:
            return plain
        arn, external_id = _role(environment, folder)
        arn = arn.replace(_PARTITION, str(caller["Arn"]).split(":")[1])
        more = {"ExternalId": external_id} if external_id else {}
        given = client.assume_role(RoleArn=arn, RoleSessionName="ultrafleet", **more)["Credentials"]
    except (BotoCoreError, ClientError) as error:
        raise FleetError(
            path=f"the account of {environment.name}",
            verb="can't be",
            got=f"reached ({error})",
            expected=f"credentials of {environment.account}, or ones that its lookup role trusts",
            remedy=f"run `cdk bootstrap aws://{environment.account}/{environment.region} --trust ACCOUNT "
            "--trust-for-lookup ACCOUNT` with the account that deploys",
        ) from error
    return session(
        environment.region,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def _role(environment: Environment, folder: Path) -> tuple[str, str | None]:
    """ARN and external id of the lookup role that the manifest names for the environment's account and region."""
    place = f"aws://{environment.account}/{environment.region}"
    try:
        artifacts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["artifacts"].values()
        roles = [
            item["properties"]["lookupRole"]
            for item in artifacts
            if item.get("environment") == place and "lookupRole" in item.get("properties", {})
        ]
        return str(roles[0]["arn"]), roles[0].get("assumeRoleExternalId")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise FleetError(
            path=folder / MANIFEST,
            verb="names",
            got=f"no lookup role of {place}",
            expected="the one of the CDK's bootstrap",
            remedy="synthesise it again, or use credentials of the account itself",
        ) from error
