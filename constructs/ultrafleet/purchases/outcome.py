"""Errors of a purchase, by what they mean for the money; each has an exit code of its own."""

from typing import Final

from ultrafleet.errors import FleetError

RELEASED: Final = 1
"""Exit code of `settle`: a payment failed and its block is gone."""
REFUSED: Final = 4
"""Exit code: refused here, nothing was bought."""
FAILED: Final = 5
"""Exit code: AWS said no, nothing was bought."""
UNSETTLED: Final = 6
"""Exit code: the outcome is unknown, or what was bought isn't in the environment file: `ultrafleet capacity settle`."""


class PurchaseError(FleetError):
    """A purchase that wasn't made, or of which too little is known."""

    exit_code: int = REFUSED
    """Exit code of the command."""


class RefusedError(PurchaseError):
    """A purchase that isn't made: nothing was sent to AWS, nothing was bought."""

    exit_code = REFUSED


class FailedError(PurchaseError):
    """A request that AWS refused: nothing was bought."""

    exit_code = FAILED


class UnsettledError(PurchaseError):
    """A purchase whose outcome is unknown or isn't in the environment file yet; nothing else is bought until then."""

    exit_code = UNSETTLED


def settle_command(environment: str) -> str:
    """Command that settles what an environment's journal leaves open.

    Args:
        environment: name of the environment.
    """
    return f"run `ultrafleet capacity settle {environment}`"
