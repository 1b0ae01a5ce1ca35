"""Stacks of on-demand reservations that the file no longer names: they stay, and are billed."""

from collections.abc import Iterator

from ultrafleet.preflight.deployment import Deployment
from ultrafleet.preflight.finding import Finding, note

_RESERVATION = "AWS::EC2::CapacityReservation"


def reservation_findings(deployment: Deployment) -> Iterator[Finding]:
    """Findings of reservations whose stack is live and that the assembly no longer has."""
    planned = {update.name for update in deployment.updates}
    for stack in deployment.account.stacks.values():
        if stack.name in planned or not stack.name.startswith(f"{deployment.environment.name}-reservation-"):
            continue
        held = [
            f"{properties.get('InstanceCount')} x {properties.get('InstanceType')}"
            for resource in (stack.template.get("Resources") or {}).values()
            if resource.get("Type") == _RESERVATION
            for properties in [resource.get("Properties") or {}]
        ]
        yield note(
            f"stack {stack.name} is live and the file no longer names its reservation: a deployment leaves it, and "
            f"{', '.join(held) or 'what it holds'} is billed, used or not, until `aws ec2 "
            "cancel-capacity-reservation --capacity-reservation-id ID` (`aws cloudformation describe-stack-resources "
            f"--stack-name {stack.name}` says the id), then aws cloudformation delete-stack --stack-name {stack.name}"
        )
