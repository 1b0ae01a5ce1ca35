"""Rules of layouts: what breaks each, and where that is known from. `layout_violations` names them by id."""

from dataclasses import dataclass
from typing import Final

from ultrafleet.catalog.source import Source

_DOCS: Final = "https://docs.aws.amazon.com/AWSEC2/latest"
_GUIDE: Final = Source("EC2 user guide", address=f"{_DOCS}/UserGuide/efa-acc-inst-types.html")
_API: Final = Source("EC2 API", address=f"{_DOCS}/APIReference/API_InstanceNetworkInterfaceSpecification.html")
_TYPES: Final = Source("DescribeInstanceTypes", address=f"{_DOCS}/APIReference/API_DescribeInstanceTypes.html")
_CARDS: Final = Source("card table of the type, each value with a source of its own")


@dataclass(frozen=True, kw_only=True)
class LayoutRule:
    """Rule of a layout of network interfaces.

    Attributes:
        id: name of the rule in violations.
        broken_when: what a layout that breaks it has.
        source: where the rule comes from.
    """

    id: str
    broken_when: str
    source: Source


LAYOUT_RULES: Final[tuple[LayoutRule, ...]] = (
    LayoutRule(id="primary-missing", broken_when="nothing is at card 0 device 0", source=_GUIDE),
    LayoutRule(
        id="primary-efa-only",
        broken_when="card 0 device 0 is `efa-only`: the primary needs an IP address",
        source=_GUIDE,
    ),
    LayoutRule(id="duplicate", broken_when="two interfaces have one card and device", source=_API),
    LayoutRule(
        id="one-efa-per-card", broken_when="a card has two interfaces of type `efa` or `efa-only`", source=_GUIDE
    ),
    LayoutRule(
        id="interface-type",
        broken_when="a type is none of `interface`, `efa`, `efa-only`, or `secondary` outside launch templates",
        source=_API,
    ),
    LayoutRule(id="interface-type-not-allowed", broken_when="the card takes EFA, but not this type", source=_CARDS),
    LayoutRule(id="efa-on-ena-only-card", broken_when="an EFA interface is on a card without EFA", source=_CARDS),
    LayoutRule(
        id="interfaces-per-card",
        broken_when="a card has more ordinary interfaces than it takes (P6e-GB200: one on odd cards, two on even ones)",
        source=_CARDS,
    ),
    LayoutRule(id="unknown-card", broken_when="the type has no such card", source=_CARDS),
    LayoutRule(
        id="device-index",
        broken_when="the index is negative, or not below the number of interfaces that the card takes; where that is "
        "unknown, above 1, since AWS documents 0 and 1; for `secondary` above 0",
        source=Source("card table of the type; EC2 user guide", address=_GUIDE.address),
    ),
    LayoutRule(
        id="efa-maximum",
        broken_when="there are more EFA interfaces than the type takes (P6e-GB200: 16); where the maximum is unknown, "
        "more than the EC2 guide describes",
        source=Source("DescribeInstanceTypes; EC2 user guide", address=_TYPES.address),
    ),
    LayoutRule(
        id="interface-maximum", broken_when="there are more ordinary interfaces than the type takes", source=_TYPES
    ),
)
"""Every rule, in the order of docs/efa-layout.md."""
