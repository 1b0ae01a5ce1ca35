"""Layouts of network interfaces: derived from the cards of a type, and checked against them. No aws_cdk here."""

from ultrafleet.layout.bandwidth import EfaShortfall, efa_shortfall
from ultrafleet.layout.derive import available_intents, efa_layout, fabric_layout, fabric_of, layout_fact
from ultrafleet.layout.interface import EfaIntent, Interface
from ultrafleet.layout.rules import LAYOUT_RULES, LayoutRule
from ultrafleet.layout.validate import Violation, layout_violations

__all__ = [
    "LAYOUT_RULES",
    "EfaIntent",
    "EfaShortfall",
    "Interface",
    "LayoutRule",
    "Violation",
    "available_intents",
    "efa_layout",
    "efa_shortfall",
    "fabric_layout",
    "fabric_of",
    "layout_fact",
    "layout_violations",
]
