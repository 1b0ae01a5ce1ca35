"""Account that probes ask: calls to AWS by the names of boto3, and what AWS answers where it refuses one."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol


class AwsRefusalError(Exception):
    """Error answer of an AWS API.

    Args:
        action: the IAM action of the call, `ec2:DescribeAvailabilityZones`.
        code: the service's error code, `UnauthorizedOperation`.
        message: the service's text.
    """

    def __init__(self, action: str, code: str, message: str) -> None:
        super().__init__(f"{action}: {code}: {message}")
        self.action = action
        self.code = code
        self.message = message


class Account(Protocol):
    """Account and region of an environment, as the credentials reach them."""

    def call(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's JSON
        """Answer of a call.

        Args:
            service: boto3's name of the service, `ec2`.
            operation: boto3's name of the operation, `describe_availability_zones`.
            request: the operation's parameters.

        Raises:
            AwsRefusalError: AWS refuses the call.
        """
        ...

    def pages(self, service: str, operation: str, key: str, /, **request: Any) -> Iterator[Any]:  # noqa: ANN401
        """Items under `key` of every page of an operation that answers in pages.

        Raises:
            AwsRefusalError: AWS refuses the call.
        """
        ...

    def now(self) -> datetime:
        """Moment of the question, in UTC."""
        ...

    def wait(self, seconds: float) -> None:
        """Let time pass until something that AWS makes or deletes is done."""
        ...
