"""Errors of the calls to AWS in a user's words: credentials, region, permission, throttling, no connection."""

from typing import Final

from ultrafleet.catalog.capacity_blocks import DESCRIBE_LIMIT_CODE, NOT_ALLOWED_MESSAGE
from ultrafleet.errors import FleetError

_REFUSED_CREDENTIALS: Final = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
_WRONG_CLOCK: Final = {"RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"}
_THROTTLED: Final = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}
_DENIED: Final = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_NOT_SOLD: Final = "not supported for Capacity Blocks"


def explained(error: Exception, *, place: str) -> FleetError:
    """Error of boto3 or botocore as one of this library; one that is one already stays.

    Args:
        error: what was raised.
        place: credentials and region that were used, for the message.
    """
    from botocore import exceptions  # noqa: PLC0415 - only what asks AWS needs it

    if isinstance(error, FleetError):
        return error.within(place)
    if isinstance(error, exceptions.ClientError):
        return _of_service(error, place)
    if isinstance(
        error,
        (
            exceptions.NoCredentialsError,
            exceptions.PartialCredentialsError,
            exceptions.CredentialRetrievalError,
            exceptions.ProfileNotFound,
            exceptions.TokenRetrievalError,
            exceptions.SSOError,
        ),
    ):
        return FleetError(
            path=place,
            verb="has",
            got=f"no usable credentials ({error})",
            expected="credentials that boto3 finds",
            remedy="log in, or pass --profile or --role",
        )
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return FleetError(
            path=place,
            verb="can't be",
            got=f"reached ({error})",
            expected="the endpoint of EC2 to answer",
            remedy="check the network, its proxy, and that the region is spelled as AWS does",
        )
    return FleetError(path=place, verb="can't be", got=f"asked ({error})", expected="an answer of AWS")


def _of_service(error: Exception, place: str) -> FleetError:
    response = getattr(error, "response", {})
    code, message = (str(response.get("Error", {}).get(key, "")) for key in ("Code", "Message"))
    said = f"{code}: {message}"
    verb, got, expected, remedy = "can't be", f"asked ({said})", "an answer of AWS", None
    if NOT_ALLOWED_MESSAGE in message:
        verb, got = "is", f"not on AWS's list for UltraServers ({said})"
        expected, remedy = "an account that may buy them", "ask the AWS account team to add the account"
    elif code == DESCRIBE_LIMIT_CODE:
        verb, got = "has", f"reached EC2's limit of searches ({said})"
        remedy = (
            "search again in some minutes; if it stays, raise the quota of concurrent capacity blocks of the family in "
            "Service Quotas, which gives the same error while it is 0"
        )
    elif code in _THROTTLED:
        tries = response.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
        verb, got = "is", f"throttled by AWS in {tries} tr{'y' if tries == 1 else 'ies'} ({said})"
        remedy = "try again in a minute, with fewer regions or types at once"
    elif code in _WRONG_CLOCK:
        verb, got, expected = "has", f"a signature that AWS refuses ({said})", "valid credentials and a right clock"
        remedy = "set the clock of this machine, then check the credentials"
    elif code in _REFUSED_CREDENTIALS:
        verb, got = "has", f"credentials that AWS refuses ({said})"
        expected = "valid ones, and a region that the account has enabled"
        remedy = "log in again, or enable the region in the account"
    elif code in _DENIED:
        verb, got, expected = "is", f"not allowed to ask ({said})", "the permissions that the command's --help lists"
        remedy = "grant them to the role"
    elif _NOT_SOLD in message:
        verb, got = "sells", f"no blocks of the type ({said})"
        expected, remedy = "a region that does", "pass another --region"
    return FleetError(path=place, verb=verb, got=got, expected=expected, remedy=remedy)
