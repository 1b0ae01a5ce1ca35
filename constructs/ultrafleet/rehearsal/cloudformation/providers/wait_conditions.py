"""Wait condition handles: `cdk orphan` leaves one in a stack that has nothing else."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    provides,
)


@provides
class WaitConditionHandleProvider(Provider):
    """Handle of a wait condition: a URL, known to CloudFormation alone."""

    type = "AWS::CloudFormation::WaitConditionHandle"
    known = frozenset()

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        return PhysicalResource(physical_id=f"https://cloudformation-waitcondition.s3.amazonaws.com/{context.name()}")

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        return {}

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        """Delete nothing: no service has it."""
