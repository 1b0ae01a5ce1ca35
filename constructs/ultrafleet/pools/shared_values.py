"""Values that the resources of many pools have in common, handed to Node once.

jsii serialises what it is passed node by node, each time: of a pool's launch template and node group that is most of
their cost (docs/decisions/0036-pools-by-the-hundred.md). A value that was handed over once is passed by reference.
"""

import json
from functools import lru_cache
from typing import Any

import aws_cdk as cdk


def shared_value(value: Any) -> Any:  # noqa: ANN401 - any part of a template
    """Stand-in for a part of a template that is rendered as the part is, and is handed to Node once.

    Args:
        value: JSON with tokens in strings. One with another object in it, such as a lazy value, is given back.
    """
    try:
        text = json.dumps(value)
    except TypeError:
        return value
    return _handed_over(text)


@lru_cache(maxsize=512)
def _handed_over(text: str) -> cdk.IResolvable:
    return cdk.Token.as_any(json.loads(text))
