"""EC2's calls around a purchase, with what each kind of answer says about the money.

The two calls that pay are sent once: botocore doesn't retry them, and an answer that doesn't come leaves the outcome
unknown. Only answers that EC2 gives before it does anything count as "nothing was bought".
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.offers.account_time import simulated_time
from ultrafleet.offers.aws_errors import explained
from ultrafleet.purchases.offers import ExtensionOffer, Offer, block_offer, extension_offer
from ultrafleet.purchases.outcome import FailedError, RefusedError, UnsettledError
from ultrafleet.purchases.sold import SoldBlock, SoldExtension, block_of_reservation, sold_block, tags_of_item

INTENT_TAG: Final = "ultrafleet:intent"
"""Tag of a block with the id of the intent that bought it: the idempotency token that the API lacks."""
ENVIRONMENT_TAG: Final = "ultrafleet:environment"
"""Tag of a block with the environment it was bought for."""
POOL_TAG: Final = "ultrafleet:pool"
"""Tag of a block with the pools it was bought for, separated by spaces."""
_TAGGED: Final = "capacity-reservation"
"""Resource type of the tags: the one that Terraform's provider sends (hashicorp/terraform-provider-aws,
ec2_capacity_block_reservation, medium). On which of the two resources EC2 puts them is not documented, so both are
read."""
_PLATFORM: Final = "Linux/UNIX"
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 60.0
_MOST_SKEW: Final = timedelta(minutes=5)
"""Ours: EC2 refuses requests that are signed with another time than about its own."""
_THROTTLED: Final = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"})
_SERVER_FAULT: Final = 500


class Market:
    """EC2 of an environment's account and region.

    Args:
        session: boto3 session with the credentials that buy.
        account: id of the environment's account.
        read_seconds: time to wait for an answer. Default: a minute.
    """

    def __init__(self, session: Any, *, account: str, read_seconds: float = _READ_SECONDS) -> None:  # noqa: ANN401 - boto3
        from botocore.config import Config  # noqa: PLC0415 - as boto3, an extra

        times = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": read_seconds}
        self._account = account
        self.simulated: datetime | None = None
        """Time of an embedded AWS at the last `check_account`; AWS itself has none but the present."""
        self._sts = session.client("sts", config=Config(retries={"mode": "standard"}, **times))
        self._reads = session.client(
            "ec2", config=Config(retries={"mode": "standard", "total_max_attempts": 5}, **times)
        )
        self._pays = session.client(
            "ec2", config=Config(retries={"mode": "standard", "total_max_attempts": 1}, **times)
        )

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        for client in (self._sts, self._reads, self._pays):
            client.close()

    def check_account(self, now: datetime | None) -> str:
        """Refuse another account's credentials, and a clock that isn't AWS's; return the caller's ARN.

        Args:
            now: this machine's time, or None to compare none.

        Raises:
            FleetError: another account's credentials, none, or ones that may not ask.
            RefusedError: this machine's clock is more than five minutes off.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3

        try:
            caller = self._sts.get_caller_identity()
        except ClientError as error:
            raise explained(error, place=f"account {self._account} (GetCallerIdentity)") from error
        except BotoCoreError as error:
            raise FleetError(
                path="the account of the credentials",
                verb="can't be",
                got=f"asked for ({error})",
                expected=f"credentials for account {self._account}",
                remedy="log in, or set AWS_PROFILE",
            ) from error
        if caller["Account"] != self._account:
            raise FleetError(
                path="the account of the credentials",
                got=f"{caller['Account']} ({caller['Arn']})",
                expected=f"{self._account}, the account of the environment",
                remedy="choose another profile or role",
            )
        self.simulated = simulated_time(caller)
        date = caller["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        if now is not None and date:
            skew = now - parsedate_to_datetime(date).astimezone(UTC)
            if abs(skew) > _MOST_SKEW:
                raise RefusedError(
                    path="the clock of this machine",
                    got=f"{abs(skew)} {'ahead of' if skew > timedelta() else 'behind'} AWS's",
                    expected="AWS's time within five minutes",
                    remedy="set it, windows and deadlines are compared with it",
                )
        return str(caller["Arn"])

    def offers(self, request: dict[str, Any]) -> list[Offer]:
        """Offers of blocks.

        Args:
            request: parameters of DescribeCapacityBlockOfferings.

        Raises:
            FailedError: EC2 refuses to answer.
        """
        found = self._pages("describe_capacity_block_offerings", "CapacityBlockOfferings", **request)
        return [block_offer(item) for item in found if item.get("UpfrontFee")]

    def extension_offers(self, reservation: str, hours: int) -> list[ExtensionOffer]:
        """Offers of extensions of a block.

        Args:
            reservation: its reservation.
            hours: length of the extension.

        Raises:
            FailedError: EC2 refuses to answer.
        """
        found = self._pages(
            "describe_capacity_block_extension_offerings",
            "CapacityBlockExtensionOfferings",
            CapacityReservationId=reservation,
            CapacityBlockExtensionDurationHours=hours,
        )
        return [extension_offer(item, reservation) for item in found if item.get("UpfrontFee")]

    def blocks(self) -> list[SoldBlock]:
        """Blocks of the account, each with its tags.

        Every block is listed and filtered here: EC2's filters by tag need not know a tag yet that a block has.

        Raises:
            FailedError: EC2 refuses to answer.
        """
        filters = [{"Name": "tag-key", "Values": [INTENT_TAG]}]
        tagged = self._pages("describe_capacity_reservations", "CapacityReservations", Filters=filters)
        reservations = {item["CapacityReservationId"]: item for item in tagged}
        merged = []
        for block in map(sold_block, self._pages("describe_capacity_blocks", "CapacityBlocks")):
            found = [reservations.pop(name) for name in block.reservations if name in reservations]
            for item in found:
                block.tags.update(tags_of_item(item))
            merged.append(replace(block, instances=sum(item["TotalInstanceCount"] for item in found) or None))
        return [*merged, *(block_of_reservation(item) for item in reservations.values() if "EndDate" in item)]

    def history(self, reservation: str) -> list[SoldExtension]:
        """Extensions of a block that were bought.

        Args:
            reservation: its reservation.

        Raises:
            FailedError: EC2 refuses to answer.
        """
        found = self._pages(
            "describe_capacity_block_extension_history", "CapacityBlockExtensions", CapacityReservationIds=[reservation]
        )
        return [
            SoldExtension(
                offering=item["CapacityBlockExtensionOfferingId"],
                status=item["CapacityBlockExtensionStatus"],
                start=item["CapacityBlockExtensionStartDate"],
                end=item["CapacityBlockExtensionEndDate"],
            )
            for item in found
        ]

    def end(self, reservation: str) -> datetime:
        """End of a block, which a paid extension moves.

        Args:
            reservation: its reservation.

        Raises:
            FailedError: EC2 refuses to answer, or knows of no end.
        """
        found = self._pages(
            "describe_capacity_reservations", "CapacityReservations", CapacityReservationIds=[reservation]
        )
        ends: list[datetime] = [item["EndDate"] for item in found if "EndDate" in item]
        if len(ends) != 1:
            raise FailedError(path=f"reservation {reservation}", verb="has", got="no end", expected="a block's")
        return ends[0]

    def buy(self, offering: str, *, tags: dict[str, str]) -> list[SoldBlock]:
        """Pay an offer. Sent once.

        Args:
            offering: id of the offer.
            tags: tags of its blocks and reservations.

        Raises:
            FailedError: EC2 refused it: nothing was bought.
            UnsettledError: the outcome is unknown.
        """
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        answer = self._paid(
            "purchase_capacity_block",
            CapacityBlockOfferingId=offering,
            InstancePlatform=_PLATFORM,
            TagSpecifications=[{"ResourceType": _TAGGED, "Tags": pairs}],
        )
        if not answer.get("CapacityBlocks"):
            raise _unknown(ValueError("no block in the answer"))
        try:
            return [sold_block(item) for item in answer["CapacityBlocks"]]
        except KeyError as error:
            raise _unknown(error) from error

    def extend(self, offering: str, *, reservation: str) -> None:
        """Pay an extension. Sent once; it takes no tags.

        Args:
            offering: id of the offer.
            reservation: reservation of the block.

        Raises:
            FailedError: EC2 refused it: nothing was bought.
            UnsettledError: the outcome is unknown.
        """
        answer = self._paid(
            "purchase_capacity_block_extension",
            CapacityBlockExtensionOfferingId=offering,
            CapacityReservationId=reservation,
        )
        if not answer.get("CapacityBlockExtensions"):  # whoever answered: a proxy says 200, too
            raise _unknown(ValueError("no extension in the answer"))

    def _paid(self, operation: str, **request: Any) -> Any:  # noqa: ANN401 - boto3
        from botocore import exceptions  # noqa: PLC0415 - as boto3

        try:
            return getattr(self._pays, operation)(**request)
        except exceptions.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_FAULT)
            if code in _THROTTLED or (400 <= status < _SERVER_FAULT and status != 408):  # noqa: PLR2004 - HTTP
                raise FailedError(
                    path="the purchase",
                    verb="was",
                    got=f"refused by EC2 ({_said(error)})",
                    expected="its consent",
                    remedy="nothing was bought",
                ) from error
            raise _unknown(error) from error
        except (
            exceptions.NoCredentialsError,
            exceptions.ParamValidationError,
            exceptions.EndpointConnectionError,
            exceptions.ConnectTimeoutError,
        ) as error:
            raise FailedError(
                path="the purchase",
                verb="was",
                got=f"never sent ({error})",
                expected="a connection to EC2",
                remedy="nothing was bought",
            ) from error
        except Exception as error:  # whatever came after sending: the outcome is unknown
            raise _unknown(error) from error

    def _pages(self, operation: str, key: str, **request: Any) -> Iterator[Any]:  # noqa: ANN401 - boto3
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3

        try:
            for page in self._reads.get_paginator(operation).paginate(**request):
                yield from page[key]
        except (BotoCoreError, ClientError) as error:
            asked = "".join(word.capitalize() for word in operation.split("_"))
            found = explained(error, place=f"account {self._account} ({asked})")
            raise FailedError(
                str(found),
                path=found.path,
                got=found.got,
                expected=found.expected,
                remedy=found.remedy or "run the command again",
            ) from error


def _unknown(error: Exception) -> UnsettledError:
    return UnsettledError(
        path="the outcome of the purchase",
        got=f"unknown ({type(error).__name__}: {_said(error)})",
        expected="EC2's answer",
    )


def _said(error: Exception) -> str:
    return " ".join(str(error).split())
