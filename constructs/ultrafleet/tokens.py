"""Telling CDK tokens from plain values without asking jsii about every plain value.

`Token.is_unresolved` is a round trip to Node, and most values that are checked are plain. A string token contains
`${Token[`, a number token is a large negative float: what is neither is plain (CDK developer guide). Until a context
lookup has run, `Vpc.from_lookup` and the zones of a stack with `env` give stand-ins instead: they are known later, too.
"""

from typing import Final

import aws_cdk as cdk

LOOKUP_STAND_INS: Final = frozenset(
    {
        "1.2.3.4/5",
        "vpc-12345",
        "dummy1a",
        "dummy1b",
        "dummy1c",
    }
)
"""Values of CDK before a context lookup has run: CIDR, VPC, zones (read in aws-cdk-lib, `vpc` and `stack`, high)."""


def is_token(value: object) -> bool:
    """True if the value is known only when CloudFormation deploys, or after the CDK CLI's context lookup."""
    if value is None or isinstance(value, bool | int):
        return False
    if isinstance(value, str) and "${Token[" not in value:
        return value in LOOKUP_STAND_INS
    return cdk.Token.is_unresolved(value)
