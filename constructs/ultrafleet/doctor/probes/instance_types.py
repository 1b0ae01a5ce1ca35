"""Probes of instance types: offered in the zone, with the interfaces that the pools' layouts take."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ultrafleet.catalog import InstanceType
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, unclear, yes
from ultrafleet.environment import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.layout import Interface

Pool = UltraServerPoolSettings | AcceleratorPoolSettings
_UNKNOWN_TYPE: Final = "InvalidInstanceType"


def _offering_questions(environment: Environment) -> Iterator[Question]:
    seen = set()
    for pool in environment.pools:
        zone, name = environment.subnet(pool.subnet).availability_zone, str(pool.instance)
        if (name, zone) not in seen:
            seen.add((name, zone))
            yield offering_question((name,), zone, path=f"pool {pool.name}")
    nodes = environment.cluster.made_system_nodes
    if nodes is None:
        return
    types = tuple(nodes.instance_types)
    for zone in sorted({item.availability_zone for item in environment.network.subnets if item.kind == "system"}):
        yield offering_question(types, zone, path="cluster.system_nodes.instance_types")


def offering_question(names: tuple[str, ...], zone: str, *, path: str) -> Question:
    """Question of whether one of some types is offered in a zone.

    Args:
        names: names of the types.
        zone: the zone.
        path: place in the file that needs it.
    """
    return Question(
        subject=f"{' or '.join(names)} in {zone}",
        expected="offered in the zone",
        ask=partial(_ask_offering, names, zone),
        path=path,
        stops_launch=True,
    )


def _ask_offering(names: Sequence[str], zone: str, account: Account) -> Answer:
    filters = [{"Name": "instance-type", "Values": list(names)}, {"Name": "location", "Values": [zone]}]
    found = account.pages(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=filters,
    )
    offered = sorted({item["InstanceType"] for item in found})
    if offered:
        return yes(f"{', '.join(offered)} offered in {zone}")
    return no(f"{' and '.join(names)} not offered in {zone}", "use a zone or a type that EC2 offers there")


def _interface_questions(environment: Environment) -> Iterator[Question]:
    for pool in environment.pools:
        layout = pool.layout(pool.instance)
        yield Question(
            subject=f"{pool.instance} of pool {pool.name}",
            expected=_spelled(layout),
            ask=partial(_ask_interfaces, str(pool.instance), layout),
            path=f"pool {pool.name}",
            stops_launch=True,
        )


def _spelled(layout: Sequence[Interface]) -> str:
    counts = Counter(item.interface_type for item in layout)
    spelled = ", ".join(f"{count} of {kind}" for kind, count in sorted(counts.items()))
    return f"{len(layout)} interfaces on {len({item.card for item in layout})} network cards: {spelled}"


def _described(name: str, account: Account) -> Mapping[str, Any] | Answer:
    """Network part of a type's description; the answer where EC2 doesn't know the type."""
    try:
        answer = account.call("ec2", "describe_instance_types", InstanceTypes=[name])
    except AwsRefusalError as refusal:
        if refusal.code == _UNKNOWN_TYPE:
            return no(f"the region has no type {name}", "use a region or a type that EC2 offers there")
        raise
    found: Mapping[str, Any] = answer["InstanceTypes"][0]["NetworkInfo"]
    return found


def _ask_interfaces(name: str, layout: Sequence[Interface], account: Account) -> Answer:
    network = _described(name, account)
    if isinstance(network, Answer):
        return network
    cards = {item["NetworkCardIndex"]: item for item in network.get("NetworkCards") or []}
    ordinary = [item for item in layout if not item.is_secondary]
    on_card = Counter(item.card for item in ordinary)
    wrong = []
    if absent := sorted({item.card for item in layout} - cards.keys()):
        wrong.append(f"it has {len(cards)} network cards, none with index {', '.join(map(str, absent))}")
    for card, count in sorted(on_card.items()):
        most = cards.get(card, {}).get("MaximumNetworkInterfaces")
        if most is not None and count > most:
            wrong.append(f"network card {card} takes {most} interfaces, not {count}")
    most = network.get("MaximumNetworkInterfaces")
    if most is not None and len(ordinary) > most:
        wrong.append(f"it takes {most} interfaces, not {len(ordinary)}")
    efa, most_efa = sum(item.is_efa for item in layout), (network.get("EfaInfo") or {}).get("MaximumEfaInterfaces", 0)
    if efa > most_efa:
        wrong.append(f"it takes {most_efa} EFA interfaces, not {efa}")
    if wrong:
        return no("; ".join(wrong), "state the pool's node.interfaces as EC2 takes them, and tell the maintainers")
    return yes(f"{len(cards)} network cards take {len(ordinary)} interfaces, {efa} of them EFA")


@dataclass(frozen=True)
class _Compared:
    """Fact of the catalog and its counterpart in EC2's description."""

    fact: str
    stated: Callable[[InstanceType], Any]
    observed: Callable[[Mapping[str, Any]], Any]


_COMPARED: Final = (
    _Compared(
        "max_network_interfaces",
        lambda entry: entry.max_network_interfaces,
        lambda network: network.get("MaximumNetworkInterfaces"),
    ),
    _Compared(
        "max_efa_interfaces",
        lambda entry: entry.max_efa_interfaces,
        lambda network: (network.get("EfaInfo") or {}).get("MaximumEfaInterfaces"),
    ),
    _Compared(
        "ipv4_per_interface",
        lambda entry: entry.ipv4_per_interface,
        lambda network: network.get("Ipv4AddressesPerInterface"),
    ),
    _Compared(
        "network_card_count",
        lambda entry: entry.network_card_count,
        lambda network: network.get("MaximumNetworkCards"),
    ),
)


def _fact_questions(environment: Environment) -> Iterator[Question]:
    types = {str(pool.instance): pool.instance for pool in environment.pools}
    for name, entry in sorted(types.items()):
        for item in _COMPARED:
            stated = item.stated(entry)
            if stated is not None:
                yield Question(
                    subject=f"{item.fact} of {name}",
                    expected=str(stated),
                    ask=partial(_ask_fact, name, item, stated),
                    path="pools",
                    settles=(f"instance-type/{name}/{item.fact}",),
                )
        cards = {card.index: card.max_interfaces for card in entry.network_cards or ()}
        known = {index: most for index, most in cards.items() if most is not None}
        if known:
            yield Question(
                subject=f"max_interfaces of the network cards of {name}",
                expected=", ".join(f"{index}: {most}" for index, most in known.items()),
                ask=partial(_ask_cards, name, known),
                path="pools",
                settles=tuple(f"instance-type/{name}/network-cards/{index}/max_interfaces" for index in known),
            )


def _ask_fact(name: str, item: _Compared, stated: object, account: Account) -> Answer:
    network = _described(name, account)
    if isinstance(network, Answer):
        return network
    observed = item.observed(network)
    if observed is None:
        return unclear(f"EC2 states no {item.fact} of {name}", "nothing: it is known as well as before")
    if observed == stated:
        return yes(str(observed))
    return no(f"{item.fact} is {observed}, the catalog has {stated}", "tell the maintainers; see the layout's question")


def _ask_cards(name: str, known: Mapping[int, int], account: Account) -> Answer:
    network = _described(name, account)
    if isinstance(network, Answer):
        return network
    observed = {item["NetworkCardIndex"]: item for item in network.get("NetworkCards") or []}
    silent, differing = [], []
    for index, most in known.items():
        found = observed.get(index, {}).get("MaximumNetworkInterfaces")
        if index not in observed:
            differing.append(f"network card {index} isn't there")
        elif found is None:
            silent.append(index)
        elif found != most:
            differing.append(f"network card {index} takes {found} interfaces, the catalog has {most}")
    if differing:
        return no("; ".join(differing), "tell the maintainers; see the layout's question")
    if silent:
        return unclear(f"EC2 states no maximum of {len(silent)} network cards", "nothing: it is known as before")
    return yes(f"the {len(known)} network cards are as in the catalog")


_TYPES: Final = (Permission(action="ec2:DescribeInstanceTypes"),)
OFFERING: Final = Probe(
    id="offering",
    asks="Does EC2 offer the type in the zone?",
    permissions=(Permission(action="ec2:DescribeInstanceTypeOfferings"),),
    questions=_offering_questions,
)
INTERFACES: Final = Probe(
    id="interfaces",
    asks="Does the type take the network interfaces of the pool's nodes?",
    permissions=_TYPES,
    questions=_interface_questions,
)
TYPE_FACTS: Final = Probe(
    id="type-facts",
    asks="Are the interfaces, EFA interfaces and network cards of the type those of the catalog?",
    permissions=_TYPES,
    questions=_fact_questions,
)
