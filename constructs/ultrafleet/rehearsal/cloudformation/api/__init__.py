"""CloudFormation's API, in the place of moto's: moto skips unknown resource types and never rolls back."""

from moto.cloudformation.responses import CloudFormationResponse

from ultrafleet.rehearsal.cloudformation.api import (
    change_sets,
    descriptions,
    drift,
    operations,
    refactors,
    stacks,
    types,
)

__all__ = ["install"]

_MODULES = (change_sets, descriptions, drift, refactors, stacks, types)  # importing them adds their operations


def install() -> None:
    """Answer CloudFormation operations with these modules."""
    for name, handler in operations.OPERATIONS.items():
        setattr(CloudFormationResponse, name, handler)
    # moto's answers are objects of its own, which it rewrites; ours are what botocore's model says.
    CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER = {}
