"""CloudFormation's operations on resource types: `cdk deploy --hotswap` asks which properties are create-only."""

import json

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from ultrafleet.rehearsal.cloudformation.api.operations import operation
from ultrafleet.rehearsal.cloudformation.engine import schemas


@operation
def describe_type(response: CloudFormationResponse) -> ActionResult:
    """DescribeType, of AWS's own types."""
    name = response._get_param("TypeName")
    return ActionResult(
        {
            "TypeName": name,
            "Type": "RESOURCE",
            "Schema": json.dumps(dict(schemas.published(name))),
            "ProvisioningType": "FULLY_MUTABLE",
        }
    )
