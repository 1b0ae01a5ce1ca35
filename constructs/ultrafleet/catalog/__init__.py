"""AWS facts, each with its source and its confidence. Nothing here imports aws_cdk."""

from ultrafleet.catalog.capacity_blocks import CapacityBlockRules
from ultrafleet.catalog.instance_type import AnyInstanceType, InstanceType, other_type_names
from ultrafleet.catalog.network_card import Fabric, NetworkCard
from ultrafleet.catalog.prices import PurchaseOption, is_stale, price
from ultrafleet.catalog.source import Confidence, Fact, Source
from ultrafleet.catalog.type_facts import InstanceTypeFacts, UltraServerTypeFacts
from ultrafleet.catalog.ultraserver_type import UltraServerType

__all__ = [
    "AnyInstanceType",
    "CapacityBlockRules",
    "Confidence",
    "Fabric",
    "Fact",
    "InstanceType",
    "InstanceTypeFacts",
    "NetworkCard",
    "PurchaseOption",
    "Source",
    "UltraServerType",
    "UltraServerTypeFacts",
    "is_stale",
    "other_type_names",
    "price",
]
