"""Hardware facts, each with its source and its confidence. Nothing here imports aws_cdk."""

from ultrafleet.catalog._data import Confidence, Fact
from ultrafleet.catalog.capacity_blocks import CapacityBlockRules
from ultrafleet.catalog.instance_type import InstanceType, InstanceTypeFacts
from ultrafleet.catalog.network_card import NetworkCard
from ultrafleet.catalog.ultraserver_type import UltraServerType, UltraServerTypeFacts

__all__ = [
    "CapacityBlockRules",
    "Confidence",
    "Fact",
    "InstanceType",
    "InstanceTypeFacts",
    "NetworkCard",
    "UltraServerType",
    "UltraServerTypeFacts",
]
