"""CloudFormation's own validation of a programme's change sets, quotas among it, as its events state it.

It checks quotas when a change set is made, and in no other operation (CloudFormation user guide, validate stack
deployments, 2026-06, high). The guide says neither which quotas nor by what name: what it reports is passed on.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Permission
from ultrafleet.programme_preflight.finding import Finding, Standing
from ultrafleet.programme_preflight.needs import Place

CHANGE_SET_PERMISSIONS: Final = (
    Permission(
        action="cloudformation:DescribeEvents",
        resources=("arn:{partition}:cloudformation:{region}:{account}:stack/*/*",),
    ),
    Permission(
        action="cloudformation:ListChangeSets",
        resources=("arn:{partition}:cloudformation:{region}:{account}:stack/*/*",),
    ),
)
"""IAM permissions of these questions."""
_NO_STACK: Final = "ValidationError"
_ERROR: Final = "VALIDATION_ERROR"
_WARNS: Final = "WARN"


def change_set_findings(place: Place, stacks: Iterable[str], account: Account) -> Iterator[Finding]:
    """Validation errors and warnings of the change sets that stacks have; none of a stack that isn't there.

    Args:
        place: account and region.
        stacks: names of the stacks.
        account: answers for the region.
    """
    for stack in stacks:
        try:
            for summary in account.pages("cloudformation", "list_change_sets", "Summaries", StackName=stack):
                named = summary["ChangeSetId"]
                for event in account.pages("cloudformation", "describe_events", "OperationEvents", ChangeSetName=named):
                    if event.get("EventType") == _ERROR:
                        yield _finding(place, stack, summary, event)
        except AwsRefusalError as refusal:
            if refusal.code == _NO_STACK:
                continue
            yield Finding(
                place=place,
                standing=Standing.UNKNOWN,
                what=f"change sets of {stack}",
                observed=f"{refusal.action} fails: {refusal.code}",
                expected="validation without a warning",
                remedy=f"allow {refusal.action}",
            )


def _finding(place: Place, stack: str, summary: Mapping[str, Any], event: Mapping[str, Any]) -> Finding:
    warns = event.get("ValidationFailureMode") == _WARNS
    return Finding(
        place=place,
        standing=Standing.LATER if warns else Standing.SHORT,
        what=f"CloudFormation: {stack}, {event.get('LogicalResourceId', 'a resource')}",
        observed=f"{event.get('ValidationName', 'a validation')}: {event.get('ValidationStatusReason', 'no reason')}",
        expected="validation without a warning",
        remedy=f"raise the quota or correct the template, then make change set {summary.get('ChangeSetName')} again",
    )
