"""Rules of EFA interfaces: types that have none, fewer than the type has, and interfaces that outlive instances."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog import efa_support
from ultrafleet.catalog.network_card import NETWORK_INTERFACE_TYPES
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.layout import efa_shortfall, layout_violations
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.launch import as_int, launches
from ultrafleet.templates.node_group import names_launched, types_launched
from ultrafleet.templates.template import Template

_GUIDE: Final = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide"


def _bandwidth(template: Template) -> Iterator[Problem]:
    types = types_launched(template)
    for launch in launches(template):
        layout = launch.layout
        kinds = types.get(launch.resource.logical_id, ()) if isinstance(layout, list) and launch.has_efa else ()
        for kind in kinds:
            if not isinstance(layout, list) or layout_violations(kind, layout, allowed=NETWORK_INTERFACE_TYPES):
                continue  # it doesn't launch, which another rule says
            shortfall = efa_shortfall(kind, layout)
            if shortfall is not None:
                yield Problem(launch.resource.logical_id, shortfall.message)


def _without_efa(template: Template) -> Iterator[Problem]:
    names = names_launched(template)
    for launch in launches(template):
        for name in names.get(launch.resource.logical_id, ()) if launch.has_efa else ():
            if isinstance(name, str) and efa_support.has_efa(name) is False:
                yield Problem(
                    launch.resource.logical_id,
                    f"an interface is of an EFA type on {name}, which has none, expected interface: EC2 refuses the "
                    "launch, change the interface's type or take a larger instance",
                )


def _outlives(template: Template) -> Iterator[Problem]:
    holders = [(launch.resource.logical_id, launch.interfaces) for launch in launches(template)]
    holders += [
        (resource.logical_id, resource.items("NetworkInterfaces"))
        for resource in template.of_type("AWS::EC2::Instance")
    ]
    for logical_id, interfaces in holders:
        known = [item for item in interfaces if isinstance(item, Mapping)]
        kept = [item for item in known if str(item.get("DeleteOnTermination")).lower() == "false"]
        silent = [item for item in known if item not in kept and _is_kept_unless_stated(item)]
        if kept:
            yield Problem(
                logical_id,
                f"DeleteOnTermination is false on {len(kept)} of {len(known)} interfaces, expected true: they stay "
                "behind their instances, use up addresses and keep subnet and security groups from being deleted, set "
                "it",
            )
        elif silent:
            yield Problem(
                logical_id,
                f"DeleteOnTermination is not stated on {len(silent)} interfaces with an address beside the primary "
                "one, expected true: what the API creates may stay behind its instance, state it",
            )


def _is_kept_unless_stated(item: Mapping[str, Any]) -> bool:
    """True for an interface with an address beside the primary one that says nothing of its end."""
    primary = (as_int(item.get("NetworkCardIndex", 0)), as_int(item.get("DeviceIndex", 0))) == (0, 0)
    makes_one = item.get("NetworkInterfaceId") is None
    addressed = item.get("InterfaceType", "interface") in ("interface", "efa")
    return item.get("DeleteOnTermination") is None and makes_one and addressed and not primary


RULES: Final = (
    PolicyRule(
        id="efa-bandwidth",
        number=56,
        severity=Severity.WARNING,
        protects_from="nodes that reach each other with less bandwidth than they were bought with",
        source=Source("EC2 user guide, EFA interfaces by instance type", address=f"{_GUIDE}/efa-acc-inst-types.html"),
        remedy="`ultrafleet layout TYPE` prints a layout with the whole bandwidth",
        check=_bandwidth,
    ),
    PolicyRule(
        id="efa-type",
        number=57,
        severity=Severity.ERROR,
        protects_from="launches that EC2 refuses: the type has no EFA",
        source=efa_support.SOURCE,
        remedy="InterfaceType: interface, or a type with EFA",
        check=_without_efa,
    ),
    PolicyRule(
        id="interfaces-outlive",
        number=58,
        severity=Severity.WARNING,
        protects_from="interfaces that outlive their instances until the subnet has no address left",
        source=Source(
            "EC2 API reference, InstanceNetworkInterfaceSpecification: DeleteOnTermination",
            address="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterfaceSpecification.html",
            also=(
                Source(
                    "terraform-provider-aws #6080: interfaces beside the primary one stay unless it is stated",
                    Confidence.MEDIUM,
                ),
            ),
        ),
        remedy="DeleteOnTermination: true on every interface",
        check=_outlives,
    ),
)
