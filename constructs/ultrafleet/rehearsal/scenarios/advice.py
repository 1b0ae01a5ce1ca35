"""Advice on a failed deployment."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ultrafleet.environment import Environment
from ultrafleet.rehearsal.scenarios.assembly import reasons_of, validation_reasons_of
from ultrafleet.rehearsal.scenarios.faults.fault_list import FAULTS

_NEW_NAME: Final = (
    "the change needs another node group, and a block's keeps its name so that nothing replaces it by accident: make "
    "it with the pool's next block, or give the pool a new name, which makes another beside it, and delete the old "
    "pool's stack: until then the block's instances are the old one's."
)
_BY_DESIGN: Final = {
    "custom-named resource requires replacing": _NEW_NAME,
    "NodeGroup already exists": _NEW_NAME,
    "is in use by": "a stack still imports the value: remove the pool that uses it first, and change what "
    "it depended on in the next deployment.",
}
"""Refusals of CloudFormation that follow from the library's names and exports: part of the message -> advice."""


def failure_reasons(environment: Environment, *, endpoint: str, variables: Mapping[str, str]) -> list[str]:
    """Failure reasons of the last operation of each stack of an environment, as CloudFormation reports them."""
    client = boto3.client(
        "cloudformation",
        endpoint_url=endpoint,
        region_name=environment.region,
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}),  # it is on this machine, whatever proxy the others go through
    )
    found = []
    for stack in client.describe_stacks()["Stacks"]:
        try:
            events = client.describe_stack_events(StackName=stack["StackName"])["StackEvents"]
            told = client.describe_events(StackName=stack["StackName"])["OperationEvents"]
        except ClientError:
            continue
        reasons = [*reasons_of(events), *validation_reasons_of(told)]
        found += [f"{stack['StackName']}: {reason}" for reason in reasons]
    return found


def advice_for(reasons: Sequence[str], *, injected: Iterable[str] = ()) -> list[str]:
    """Advice, a line each: on injected faults, else on faults that the reasons match."""
    known = [FAULTS[name] for name in injected]
    if not known:
        known = [fault for fault in FAULTS.values() if fault.shows and any(fault.shows in reason for reason in reasons)]
    by_design = [
        f"what to do: {advice}" for part, advice in _BY_DESIGN.items() if any(part in reason for reason in reasons)
    ]
    return by_design + [f"what to do ({fault.name}): {fault.advice}" for fault in known]
