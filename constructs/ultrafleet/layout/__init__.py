"""EFA layouts: derived from the cards of an instance type, and checked against them. No aws_cdk here."""

from ultrafleet.layout.derive import available_intents, efa_layout
from ultrafleet.layout.interface import EfaIntent, Interface
from ultrafleet.layout.validate import Violation, layout_violations

__all__ = ["EfaIntent", "Interface", "Violation", "available_intents", "efa_layout", "layout_violations"]
