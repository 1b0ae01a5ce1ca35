"""Security group rules that several groups share."""

from typing import Any, Final

NO_TRAFFIC: Final[dict[str, Any]] = {
    "ipProtocol": "icmp",
    "fromPort": 252,
    "toPort": 86,
    "cidrIp": "255.255.255.255/32",
    "description": "matches nothing",
}
"""An egress rule that matches nothing. A group without any gets EC2's own, which allows everything (CloudFormation
reference of `AWS::EC2::SecurityGroup`, high)."""
