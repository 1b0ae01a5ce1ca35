"""What to do about a deployment that failed."""

from collections.abc import Iterable, Mapping, Sequence

import boto3
from botocore.exceptions import ClientError

from ultrafleet.environment import Environment
from ultrafleet.rehearsal.faults import FAULTS


def failure_reasons(environment: Environment, *, endpoint: str, variables: Mapping[str, str]) -> list[str]:
    """Why resources failed in the last operation of each stack of an environment, as CloudFormation tells it."""
    client = boto3.client(
        "cloudformation",
        endpoint_url=endpoint,
        region_name=environment.region,
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    found = []
    for stack in client.describe_stacks()["Stacks"]:
        try:
            events = client.describe_stack_events(StackName=stack["StackName"])["StackEvents"]
        except ClientError:
            continue
        for event in events:
            if event.get("ResourceStatusReason") == "User Initiated":
                break
            if event["ResourceStatus"].endswith("_FAILED"):
                found.append(f"{stack['StackName']}: {event.get('ResourceStatusReason')}")
    return found


def advice_for(reasons: Sequence[str], *, injected: Iterable[str] = ()) -> list[str]:
    """What to do, a line each: about the faults that were injected, else about what the reasons look like."""
    known = [FAULTS[name] for name in injected]
    if not known:
        known = [fault for fault in FAULTS.values() if fault.shows and any(fault.shows in reason for reason in reasons)]
    return [f"what to do ({fault.name}): {fault.advice}" for fault in known]
