"""Account that `ultrafleet doctor` asks, with boto3."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from ultrafleet.cli.aws_session import session
from ultrafleet.doctor import AwsRefusalError
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError

_PREFIXES: Final = {"monitoring": "cloudwatch"}
"""Service prefixes of IAM actions, where a service signs its requests with another name."""
_NO_CREDENTIALS: Final = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
"""Error codes with which services refuse credentials themselves (each service's API reference, common errors)."""


class AskedAccount:
    """Account and region of an environment, as the credentials that boto3 finds reach them.

    Args:
        environment: the environment.
        as_of: moment of the questions, for a simulated clock. Default: now.
        client: makes the client of a service, such as with the credentials of a role. Default: as boto3 finds them.

    Raises:
        FleetError: boto3 isn't installed.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        as_of: datetime | None = None,
        client: Callable[[str], Any] | None = None,
    ) -> None:
        self._environment = environment
        self._as_of = as_of
        self._session: Any = session(environment.region) if client is None else None
        self._client = cache(client or self._new_client)

    def call(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's JSON
        """Answer of a call; see `Account`."""
        client = self._client(service)
        answer: dict[str, Any] = self._answered(client, operation, lambda: getattr(client, operation)(**request))
        return answer

    def pages(self, service: str, operation: str, key: str, /, **request: Any) -> Iterator[Any]:  # noqa: ANN401
        """Items under `key` of every page; see `Account`."""
        client = self._client(service)
        pages = iter(client.get_paginator(operation).paginate(**request))
        while (page := self._answered(client, operation, lambda: next(pages, None))) is not None:
            yield from page[key]

    def now(self) -> datetime:
        """Moment of the question, in UTC."""
        return self._as_of or datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def _new_client(self, service: str) -> Any:  # noqa: ANN401 - boto3 has no types
        from botocore.config import Config  # noqa: PLC0415 - as boto3

        # TestState is asked of `sync-states`; an endpoint of one's own has no such name beside it.
        own = any(name.startswith("AWS_ENDPOINT_URL") for name in os.environ)
        return self._session.client(service, config=Config(inject_host_prefix=not own))

    def _answered(self, client: Any, operation: str, ask: Any) -> Any:  # noqa: ANN401 - boto3 has no types
        from botocore import exceptions  # noqa: PLC0415 - as boto3

        service = client.meta.service_model.signing_name
        action = f"{_PREFIXES.get(service, service)}:{client.meta.method_to_api_mapping[operation]}"
        try:
            return ask()
        except exceptions.ClientError as error:
            code, message = (str(error.response["Error"].get(key, "")) for key in ("Code", "Message"))
            if code in _NO_CREDENTIALS:
                raise self._unusable(error) from error
            raise AwsRefusalError(action, code, message) from error
        except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
            raise AwsRefusalError(action, "no answer", str(error)) from error
        except exceptions.BotoCoreError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> FleetError:
        return FleetError(
            path="aws",
            verb="can't be",
            got=f"asked about {self._environment.name} ({error})",
            expected=f"credentials for account {self._environment.account} that are valid in "
            f"{self._environment.region}",
        )
