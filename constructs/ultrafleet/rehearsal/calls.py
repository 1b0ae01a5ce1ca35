"""Calls of the embedded AWS to its own services through their public API, as an AWS user makes them."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ultrafleet.rehearsal.simulated_account import Refusal

_THROTTLED = {"ThrottlingException", "RequestLimitExceeded", "Throttling", "TooManyRequestsException"}
_CONFIG = Config(retries={"total_max_attempts": 1})
"""An injected error is seen as it is, and at once."""


@cache
def client(service: str, account_id: str, region: str) -> Any:
    """boto3 client of an account: its access key is the account's id, by which the embedded AWS distinguishes accounts.

    Inside the process of the embedded AWS, moto answers it without a network.
    """
    return boto3.client(
        service,
        region_name=region,
        aws_access_key_id=account_id,
        aws_secret_access_key="rehearsal",  # noqa: S106  # nothing checks it
        config=_CONFIG,
    )


class Calls:
    """AWS API calls of one caller.

    Args:
        account_id: the caller's account.
        region: the region that is called.
        throttled_tries: how often a call that AWS throttles is made; they follow one another at once.
    """

    def __init__(self, *, account_id: str, region: str, throttled_tries: int = 1) -> None:
        self.account_id = account_id
        self.region = region
        self._throttled_tries = throttled_tries

    def __call__(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Result of `operation` (boto3's name) of a service; parameters that are None are left out.

        Raises:
            Refusal: the service answered with an error.
        """
        given = {key: value for key, value in parameters.items() if value is not None}
        for attempt in range(1, self._throttled_tries + 1):
            try:
                answer: dict[str, Any] = getattr(client(service, self.account_id, self.region), operation)(**given)
            except ClientError as error:
                problem = error.response["Error"]
                if problem["Code"] in _THROTTLED and attempt < self._throttled_tries:
                    continue
                raise Refusal(problem["Code"], problem.get("Message", "")) from error
            answer.pop("ResponseMetadata", None)
            return answer
        raise AssertionError("every attempt returns or raises")

    def pages(self, service: str, operation: str, key: str, /, **parameters: Any) -> list[Any]:
        """Every item of an operation that answers in pages."""
        given = {name: value for name, value in parameters.items() if value is not None}
        paginator = client(service, self.account_id, self.region).get_paginator(operation)
        return [item for page in paginator.paginate(**given) for item in page[key]]
