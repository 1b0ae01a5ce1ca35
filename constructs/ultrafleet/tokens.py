"""Telling CDK tokens from plain values without asking jsii about every plain value.

`Token.is_unresolved` is a round trip to Node, and most values that are checked are plain. A string token contains
`${Token[`, a number token is a large negative float: what is neither is plain (CDK developer guide).
"""

import aws_cdk as cdk


def is_token(value: object) -> bool:
    """True if the value is known only when CloudFormation deploys."""
    if value is None or isinstance(value, bool | int):
        return False
    if isinstance(value, str) and "${Token[" not in value:
        return False
    return cdk.Token.is_unresolved(value)
