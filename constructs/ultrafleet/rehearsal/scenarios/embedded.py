"""The embedded AWS in this process: boto3 calls with `Calls` go to it, and nothing goes to the network."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from moto import mock_aws
from moto.core.models import MockAWS

from ultrafleet.environment import Environment
from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.scenarios.existing import make_existing
from ultrafleet.rehearsal.scenarios.purchases import make_purchases
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT


def _mock() -> MockAWS:
    return mock_aws(
        config={
            "core": {"reset_boto3_session": False},
            # The bootstrap stack's roles have AWS's own policies attached.
            "iam": {"load_aws_managed_policies": True},
            # Functions and jobs that somebody makes by the API are never run.
            "lambda": {"use_docker": False},
            "batch": {"use_docker": False},
        }
    )


def start(environments: Sequence[Environment], *, now: datetime) -> None:
    """Start the embedded AWS with the accounts and regions of environments, until the process ends.

    Each account has its environments' purchases, and what their files say exists. The first environment's account is
    that of callers whose access key names none.
    """
    extension.install()
    extension.set_default_account(environments[0].account)
    _mock().start()
    SIMULATED_ACCOUNT.reset(now)
    for environment in environments:
        make_existing(environment)
        make_purchases(environment)


@contextmanager
def embedded_aws(environment: Environment, *, now: datetime) -> Iterator[None]:
    """Context manager: the embedded AWS as the environment's account; its state is dropped at the end."""
    extension.install()
    extension.set_default_account(environment.account)
    with _mock():
        SIMULATED_ACCOUNT.reset(now)
        make_existing(environment)
        make_purchases(environment)
        try:
            yield
        finally:
            SIMULATED_ACCOUNT.reset()
            extension.set_default_account(None)
