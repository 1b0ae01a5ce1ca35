"""EFA layouts: what is derived from the cards, and what the validator says of layouts from elsewhere."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.catalog import Fabric, InstanceType, NetworkCard
from ultrafleet.catalog.network_card import NETWORK_INTERFACE_TYPES
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.layout import (
    LAYOUT_RULES,
    EfaIntent,
    Interface,
    available_intents,
    efa_layout,
    efa_shortfall,
    fabric_layout,
    fabric_of,
    layout_violations,
)

REFERENCE = (
    Path(os.environ.get("ULTRAFLEET_REFERENCE", Path(__file__).parent.parent.parent.parent / "shared" / "reference"))
    / "accelerated_instances.json"
)

PRIMARY = (0, 0, "interface")
PUBLISHED = [item for item in InstanceType.all() if item.published_efa_layout]
DERIVED = [(item, intent) for item in PUBLISHED for intent in available_intents(item)]


def efa_only(*cards: int) -> list[tuple[int, int, str]]:
    return [(card, 0, "efa-only") for card in cards]


# Written out from the EC2 guide, so that a wrong card in the catalog fails here and not in production.
IP_SAVING: dict[str, list[tuple[int, int, str]]] = {
    "p4d.24xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(1, 2, 3)],
    "p4de.24xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(1, 2, 3)],
    "p5.4xlarge": [PRIMARY, (0, 1, "efa-only")],
    "p5.48xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, 32))],
    "p5e.48xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, 32))],
    "p5en.48xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, 16))],
    "p6-b200.48xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, 8))],
    "p6-b300.48xlarge": [PRIMARY, *efa_only(*range(1, 17))],
    "p6e-gb200.36xlarge": [PRIMARY, *efa_only(1, 5, 9, 13)],
    "p6e-gb300r.36xlarge": [PRIMARY, (0, 1, "efa-only")],
    "trn1.32xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, 8))],
    "trn1n.32xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, 16))],
    "trn2.3xlarge": [PRIMARY, (0, 1, "efa-only")],
    "trn2.48xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, 16))],
    "trn2u.48xlarge": [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, 16))],
}
# By the guide's general rule: EFA cards of G, inference and older types.
IP_SAVING |= {
    name: [PRIMARY, (0, 1, "efa-only"), *efa_only(*range(1, cards))]
    for cards, names in {
        1: (
            "dl2q.24xlarge g4dn.12xlarge g4dn.16xlarge g4dn.8xlarge g4dn.metal g5.12xlarge g5.16xlarge g5.24xlarge "
            "g5.48xlarge g5.8xlarge g6.12xlarge g6.16xlarge g6.24xlarge g6.48xlarge g6.8xlarge g6e.12xlarge "
            "g6e.16xlarge g6e.8xlarge g7.12xlarge g7.24xlarge g7.8xlarge g7e.12xlarge g7e.8xlarge gr6.8xlarge "
            "inf1.24xlarge p3dn.24xlarge"
        ),
        2: "g6e.24xlarge g7.48xlarge g7e.24xlarge",
        4: "g6e.48xlarge g7e.48xlarge",
    }.items()
    for name in names.split()
}
ADDITIONAL_ENA = {
    "p5.48xlarge": range(4, 29, 4),
    "p5e.48xlarge": range(4, 29, 4),
    "p5en.48xlarge": range(1, 16),
    "p6-b200.48xlarge": range(1, 8),
    "p6-b300.48xlarge": range(1, 17),
    "trn2.48xlarge": range(1, 16),
    "trn2u.48xlarge": range(1, 16),
}


class TestDerivation:
    def test_every_published_type_is_here(self) -> None:
        assert {str(item) for item in PUBLISHED} == set(IP_SAVING)

    @pytest.mark.parametrize("name", IP_SAVING)
    def test_ip_saving(self, name: str) -> None:
        assert list(efa_layout(InstanceType.of(name))) == IP_SAVING[name]

    @pytest.mark.parametrize("name", ADDITIONAL_ENA)
    def test_max_ip_bandwidth_adds_ena_interfaces(self, name: str) -> None:
        layout = efa_layout(InstanceType.of(name), EfaIntent.MAX_IP_BANDWIDTH)
        assert sorted(layout) == sorted([*IP_SAVING[name], *((card, 1, "interface") for card in ADDITIONAL_ENA[name])])

    def test_efa_8_takes_every_physical_nic_of_gb200(self) -> None:
        layout = efa_layout(InstanceType.P6E_GB200_36XLARGE, EfaIntent.EFA_8)
        assert list(layout) == [PRIMARY, *efa_only(1, 3, 5, 7, 9, 11, 13, 15)]

    @pytest.mark.parametrize(("instance_type", "intent"), DERIVED)
    def test_is_valid_sorted_and_has_one_ip_unless_asked(self, instance_type: InstanceType, intent: EfaIntent) -> None:
        layout = efa_layout(instance_type, intent)
        assert layout_violations(instance_type, layout) == []
        assert list(layout) == sorted(layout)
        if intent is not EfaIntent.MAX_IP_BANDWIDTH:
            assert sum(interface.takes_ip for interface in layout) == 1

    def test_follows_the_cards_and_not_the_name(self) -> None:
        cards = [
            NetworkCard(index=0, interface_types=("interface",)),
            NetworkCard(index=1, interface_types=("efa-only",), efa_bandwidth_gbps=100, physical_nic_group="a"),
            NetworkCard(index=2, interface_types=("efa", "efa-only"), efa_bandwidth_gbps=200, physical_nic_group="a"),
        ]
        assert efa_layout(InstanceType.of("p5.4xlarge", network_cards=cards)) == (PRIMARY, (2, 0, "efa-only"))

    def test_takes_the_first_of_equal_cards_of_a_physical_nic(self) -> None:
        cards = [
            NetworkCard(index=0, interface_types=("interface",)),
            *(NetworkCard(index=card, interface_types=("efa-only",), physical_nic_group="a") for card in (1, 2)),
            NetworkCard(index=3, interface_types=("efa-only",)),
        ]
        own = InstanceType.of("p5.4xlarge", network_cards=cards)
        assert efa_layout(own) == (PRIMARY, (1, 0, "efa-only"), (3, 0, "efa-only"))

    @pytest.mark.parametrize(
        "instance_type",
        [
            InstanceType.P6E_GB300_36XLARGE,
            InstanceType.TRN3_GEN1,
            InstanceType.TRN3_GEN2,
        ],
        ids=str,
    )
    @pytest.mark.parametrize("intent", EfaIntent)
    def test_fails_without_a_published_layout(self, instance_type: InstanceType, intent: EfaIntent) -> None:
        with pytest.raises(UnknownFactError, match=r"is published, .*: pass interfaces of your own"):
            efa_layout(instance_type, intent)

    @pytest.mark.parametrize(
        ("name", "intent", "expected"),
        [
            *((name, EfaIntent.EFA_8, "expected ip_saving") for name in IP_SAVING if "gb200" not in name),
            *(
                (name, EfaIntent.MAX_IP_BANDWIDTH, "expected ip_saving")
                for name in IP_SAVING
                if name not in ADDITIONAL_ENA
            ),
        ],
    )
    def test_fails_for_an_intent_that_the_type_lacks(self, name: str, intent: EfaIntent, expected: str) -> None:
        with pytest.raises(FleetError, match=f"{name} has no layout for the intent {intent.value}, {expected}"):
            efa_layout(InstanceType.of(name), intent)

    def test_takes_an_intent_by_its_name(self) -> None:
        gb200 = InstanceType.P6E_GB200_36XLARGE
        assert efa_layout(gb200, EfaIntent("efa_8")) == efa_layout(gb200, "efa_8")  # type: ignore[arg-type]  # a user's
        with pytest.raises(FleetError, match="intent is 'fastest', expected one of ip_saving, max_ip_bandwidth, efa_8"):
            efa_layout(gb200, "fastest")  # type: ignore[arg-type]  # that is the fault

    def test_fails_for_cards_of_which_nobody_says_what_they_take(self) -> None:
        cards = [NetworkCard(index=0, interface_types=("interface",)), NetworkCard(index=1)]
        with pytest.raises(UnknownFactError, match=r"interface_types of card 1 of p5\.4xlarge are unknown"):
            efa_layout(InstanceType.of("p5.4xlarge", network_cards=cards))

    def test_fails_for_efa_8_where_the_cards_do_not_give_eight(self) -> None:
        cards = (InstanceType.P6E_GB200_36XLARGE.network_cards or ())[:9]
        with pytest.raises(FleetError, match="has no layout for the intent efa_8, expected ip_saving"):
            efa_layout(InstanceType.of("p6e-gb200.36xlarge", network_cards=cards), EfaIntent.EFA_8)

    @pytest.mark.skipif(not REFERENCE.exists(), reason=f"the reference table is not at {REFERENCE}")
    def test_equals_the_reference_table(self) -> None:
        compared = 0
        for entry in json.loads(REFERENCE.read_text())["instances"]:
            published = entry["efa_layout"] or {}
            if entry["instance_type"] not in IP_SAVING:
                continue
            instance_type = InstanceType.of(entry["instance_type"])
            assert list(efa_layout(instance_type)) == _triples(published["recommended_ip_saving"]), str(instance_type)
            if published["max_bandwidth"] is not None:
                # What the table calls maximum bandwidth of P6e-GB200 is its layout of eight EFA interfaces.
                widest = available_intents(instance_type)[-1]
                assert list(efa_layout(instance_type, widest)) == _triples(published["max_bandwidth"])
            compared += 1
        # The table has none of the types to which the general rule was applied.
        assert compared == sum(item.fact("published_efa_layout").note is None for item in PUBLISHED) + 1


def _triples(rows: list[dict[str, Any]]) -> list[tuple[int, int, str]]:
    return sorted((row["network_card_index"], row["device_index"], row["interface_type"]) for row in rows)


def rules(name: str, *interfaces: tuple[int, int, str]) -> list[str]:
    return [found.rule for found in layout_violations(InstanceType.of(name), [Interface(*item) for item in interfaces])]


P5_4 = [PRIMARY, (0, 1, "efa-only")]


class TestRules:
    """One layout for each rule that breaks that rule alone, or says which others it can't help breaking."""

    def test_primary_missing(self) -> None:
        assert rules("p5.4xlarge", (0, 1, "efa-only")) == ["primary-missing"]
        assert rules("p5.4xlarge") == ["primary-missing"]

    def test_primary_efa_only(self) -> None:
        assert rules("p5.4xlarge", (0, 0, "efa-only")) == ["primary-efa-only"]

    def test_one_efa_per_card(self) -> None:
        assert rules("p5.48xlarge", (0, 0, "efa"), (0, 1, "efa-only")) == ["one-efa-per-card"]

    def test_interface_type_not_allowed(self) -> None:
        assert rules("p6e-gb200.36xlarge", PRIMARY, (1, 0, "efa")) == ["interface-type-not-allowed"]
        assert rules("p6e-gb200.36xlarge", PRIMARY, (1, 0, "interface")) == ["interface-type-not-allowed"]

    def test_interface_type(self) -> None:
        assert rules("p5.48xlarge", PRIMARY, (1, 0, "ena")) == ["interface-type"]

    def test_interfaces_per_card(self) -> None:
        # A third interface needs a third device index, which the card lacks too.
        found = rules("p5.48xlarge", *P5_4, (0, 2, "interface"))
        assert found == ["interfaces-per-card", "device-index"]

    def test_cards_that_take_no_interface(self) -> None:
        assert rules("p6e-gb300r.36xlarge", *P5_4, (1, 0, "efa-only")) == ["efa-maximum", "interfaces-per-card"]

    @pytest.mark.parametrize("card", range(1, 9))
    @pytest.mark.parametrize("interface_type", ["interface", "efa", "efa-only"])
    def test_nothing_goes_on_the_roce_cards_of_gb300r(self, card: int, interface_type: str) -> None:
        assert "interfaces-per-card" in rules("p6e-gb300r.36xlarge", PRIMARY, (card, 0, interface_type))

    def test_efa_maximum(self) -> None:
        b300 = [PRIMARY, *efa_only(*range(1, 17))]
        assert rules("p6-b300.48xlarge", *b300) == []
        assert "efa-maximum" in rules("p6-b300.48xlarge", (0, 0, "efa"), *efa_only(*range(1, 17)))

    def test_gb200_takes_the_sixteen_efa_interfaces_of_the_api(self) -> None:
        assert rules("p6e-gb200.36xlarge", PRIMARY, *efa_only(*range(1, 17))) == []
        assert rules("p6e-gb200.36xlarge", PRIMARY, *efa_only(2, 4, 6, 8, 10, 12, 14, 16)) == []

    def test_interface_maximum(self) -> None:
        layout = [PRIMARY, *((0, device, "interface") for device in range(1, 5))]
        assert "interface-maximum" in rules("p5.4xlarge", *layout)

    def test_duplicate(self) -> None:
        assert rules("p5.48xlarge", PRIMARY, PRIMARY) == ["duplicate"]

    def test_unknown_card(self) -> None:
        assert rules("p5.4xlarge", *P5_4, (1, 0, "interface")) == ["unknown-card"]
        assert rules("p5.4xlarge", *P5_4, (-1, 0, "interface")) == ["unknown-card"]

    def test_efa_on_ena_only_card(self) -> None:
        assert rules("p6-b300.48xlarge", PRIMARY, (0, 1, "efa-only")) == ["efa-on-ena-only-card"]
        assert rules("p6e-gb200.36xlarge", (0, 0, "efa")) == ["efa-on-ena-only-card"]

    @pytest.mark.parametrize("device", [-1, 2, 99])
    def test_device_index(self, device: int) -> None:
        assert rules("p5.48xlarge", PRIMARY, (1, device, "efa-only")) == ["device-index"]
        # Where no source states how many interfaces a card takes, AWS documents devices 0 and 1.
        assert rules("p6e-gb300.36xlarge", PRIMARY, (1, device, "efa-only")) == ["device-index"]

    def test_says_every_fault_at_once(self) -> None:
        everything_efa = [(card, 0 if card == 0 else 1, "efa") for card in range(17)]
        found = rules("p6e-gb200.36xlarge", *everything_efa)
        # Odd cards take one interface, at device 0, and no `efa`.
        assert sorted(set(found)) == [
            "device-index",
            "efa-maximum",
            "efa-on-ena-only-card",
            "interface-type-not-allowed",
        ]
        assert len(found) == 18

    def test_messages_say_what_to_change(self) -> None:
        (found,) = layout_violations(InstanceType.P6_B300_48XLARGE, [Interface(0, 0, "efa")])
        assert (found.card, found.device) == (0, 0)
        assert found.message == (
            "card 0 of p6-b300.48xlarge is ENA only, got efa, expected interface: "
            "move the EFA interface to another card"
        )


SECONDARY = [(card, 0, "secondary") for card in range(1, 9)]


class TestFabrics:
    def test_gb300r_on_each(self) -> None:
        gb300r = InstanceType.P6E_GB300R_36XLARGE
        assert list(fabric_layout(gb300r, fabric=Fabric.EFA)) == [PRIMARY, (0, 1, "efa-only")]
        assert list(fabric_layout(gb300r, fabric=Fabric.ROCE)) == [PRIMARY, *SECONDARY]

    def test_a_type_with_two_needs_one_stated(self) -> None:
        with pytest.raises(FleetError, match=r"p6e-gb300r\.36xlarge has 2 fabrics, efa and roce, expected one of them"):
            fabric_layout(InstanceType.P6E_GB300R_36XLARGE)

    @pytest.mark.parametrize("instance_type", [item for item in PUBLISHED if len(item.fabrics) == 1], ids=str)
    def test_a_type_with_one_needs_none(self, instance_type: InstanceType) -> None:
        assert fabric_layout(instance_type) == fabric_layout(instance_type, fabric=Fabric.EFA)
        with pytest.raises(FleetError, match=f"{instance_type} has no fabric roce, expected efa: pass a fabric"):
            fabric_layout(instance_type, fabric=Fabric.ROCE)

    def test_fails_for_what_is_no_fabric_or_of_unknown_cards(self) -> None:
        with pytest.raises(FleetError, match="fabric is 'ib', expected efa or roce"):
            fabric_of(InstanceType.P5_48XLARGE, "ib")
        with pytest.raises(UnknownFactError, match=r"no source says that p6e-gb300\.36xlarge has the fabric roce"):
            fabric_layout(InstanceType.P6E_GB300_36XLARGE, fabric=Fabric.ROCE)

    def test_fails_for_an_intent_that_roce_lacks(self) -> None:
        with pytest.raises(FleetError, match="no layout for the intent efa_8 on roce, expected ip_saving"):
            fabric_layout(InstanceType.P6E_GB300R_36XLARGE, fabric=Fabric.ROCE, intent=EfaIntent.EFA_8)

    def test_secondary_interfaces_take_no_address_of_the_subnet_and_are_no_efa(self) -> None:
        secondary = Interface(1, 0, "secondary")
        assert (secondary.takes_ip, secondary.is_efa, secondary.is_secondary) == (False, False, True)

    def test_rules_of_secondary_interfaces(self) -> None:
        assert rules("p6e-gb300r.36xlarge", PRIMARY, *SECONDARY) == []
        assert rules("p6e-gb300r.36xlarge", PRIMARY, (1, 1, "secondary")) == ["device-index"]
        assert rules("p6e-gb300r.36xlarge", PRIMARY, (0, 1, "secondary")) == [
            "device-index",
            "interface-type-not-allowed",
        ]
        assert rules("p5.48xlarge", PRIMARY, (1, 0, "secondary")) == ["interface-type-not-allowed"]

    def test_launch_templates_have_none(self) -> None:
        layout = [Interface(*PRIMARY), Interface(1, 0, "secondary")]
        found = layout_violations(InstanceType.P6E_GB300R_36XLARGE, layout, allowed=NETWORK_INTERFACE_TYPES)
        assert [item.rule for item in found] == ["interface-type"]


# aws-parallelcluster: 3.14 (pull request 6930) and 3.16, EFA on p6e-gb200: odd cards take one interface, even ones two.
PARALLELCLUSTER_3_14 = [PRIMARY, *((card, *((0, "efa-only") if card % 2 else (1, "efa"))) for card in range(1, 17))]
PARALLELCLUSTER_3_16 = [PRIMARY, *((card, 0 if card % 2 else 1, "efa-only") for card in range(1, 17))]


@pytest.mark.parametrize(
    ("name", "interfaces"),
    [
        ("p6e-gb200.36xlarge", PARALLELCLUSTER_3_14),
        ("p6e-gb200.36xlarge", PARALLELCLUSTER_3_16),
        ("p5.4xlarge", [(0, 0, "efa")]),
        ("p4d.24xlarge", [(0, 0, "efa"), (1, 1, "efa"), (2, 1, "efa"), (3, 1, "efa")]),
        ("p5.48xlarge", [PRIMARY, (1, 0, "efa-only"), (1, 1, "interface")]),
        ("p5en.48xlarge", [PRIMARY, *((1, device, "interface") for device in range(4))]),
        ("p6e-gb200.36xlarge", [PRIMARY, (2, 0, "interface"), (3, 0, "efa-only")]),
        ("p6e-gb300r.36xlarge", P5_4),
        ("p6e-gb300.36xlarge", [PRIMARY, (7, 0, "efa-only")]),
        ("p4d.24xlarge", [PRIMARY]),
    ],
)
def test_valid_layouts_from_elsewhere(name: str, interfaces: list[tuple[int, int, str]]) -> None:
    assert rules(name, *interfaces) == []


def test_an_unknown_table_leaves_the_universal_rules() -> None:
    found = rules("p6e-gb300.36xlarge", (0, 0, "efa-only"), (1, 0, "efa"), (1, 0, "efa"), (2, 9, "interface"))
    assert sorted(found) == ["device-index", "duplicate", "one-efa-per-card", "primary-efa-only"]


@given(derived=st.sampled_from(DERIVED), data=st.data())
def test_the_order_of_a_layout_does_not_matter(derived: tuple[InstanceType, EfaIntent], data: st.DataObject) -> None:
    layout = efa_layout(*derived)
    assert layout_violations(derived[0], data.draw(st.permutations(layout))) == []


ANY_LAYOUT = st.lists(
    st.builds(
        Interface,
        st.sampled_from([-1, 0, 1, 2, 18]),
        st.integers(-1, 3),
        st.sampled_from(["interface", "efa", "efa-only", "ena", "trunk"]),
    ),
    max_size=8,
)


@given(instance_type=st.sampled_from(InstanceType.all()), interfaces=ANY_LAYOUT, data=st.data())
def test_the_order_of_a_layout_does_not_matter_to_its_faults(
    instance_type: InstanceType, interfaces: list[Interface], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(interfaces))
    assert layout_violations(instance_type, shuffled) == layout_violations(instance_type, interfaces)


def test_faults_of_one_place_come_in_one_order() -> None:
    layout = [Interface(*PRIMARY), Interface(0, 1, "trunk"), Interface(0, 1, "branch")]
    p5 = InstanceType.P5_48XLARGE
    assert layout_violations(p5, layout) == layout_violations(p5, layout[::-1])


@given(instance_type=st.sampled_from(InstanceType.all()), interfaces=ANY_LAYOUT)
def test_every_rule_is_documented(instance_type: InstanceType, interfaces: list[Interface]) -> None:
    assert {found.rule for found in layout_violations(instance_type, interfaces)} <= {rule.id for rule in LAYOUT_RULES}


@given(derived=st.sampled_from(DERIVED), data=st.data())
def test_any_fault_planted_in_a_good_layout_is_found(
    derived: tuple[InstanceType, EfaIntent], data: st.DataObject
) -> None:
    instance_type, intent = derived
    layout = list(efa_layout(instance_type, intent))
    cards = len(instance_type.network_cards or ())
    victim = data.draw(st.sampled_from(layout))
    planted = data.draw(
        st.sampled_from(
            [
                [item for item in layout if item != layout[0]],
                [layout[0]._replace(interface_type="efa-only"), *layout[1:]],
                [*layout, victim],
                [*layout, Interface(cards, 0, "interface")],
                [item._replace(device=64) if item == victim else item for item in layout],
                [item._replace(interface_type="trunk") if item == victim else item for item in layout],
                [*layout, Interface(layout[-1].card, 0, "efa"), Interface(layout[-1].card, 1, "efa")],
                [item._replace(card=-1) if item == victim else item for item in layout],
            ]
        )
    )
    assert layout_violations(instance_type, planted)


def test_the_page_has_every_rule_with_its_source() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "efa-layout.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", page[page.index("## Rules") :], re.MULTILINE) == [
        rule.id for rule in LAYOUT_RULES
    ]
    for rule in LAYOUT_RULES:
        assert f"| `{rule.id}` | {rule.broken_when} | {rule.source} |" in page


@given(
    instance_type=st.sampled_from(InstanceType.all()),
    interfaces=st.lists(
        st.builds(Interface, st.integers(), st.integers(), st.sampled_from(["interface", "efa", "efa-only", ""])),
        max_size=80,
    ),
)
def test_never_raises(instance_type: InstanceType, interfaces: list[Interface]) -> None:
    for found in layout_violations(instance_type, interfaces):
        assert found.rule
        assert found.message


@pytest.mark.parametrize(
    ("name", "efa", "gbps"),
    [
        ("p5.48xlarge", 8, 800),
        ("p5.48xlarge", 32, None),
        ("p4d.24xlarge", 2, 200),
        ("trn2.48xlarge", 8, 1600),
        ("p6e-gb200.36xlarge", 2, 800),
        ("p6e-gb200.36xlarge", 4, None),
        ("p6e-gb200.36xlarge", 8, None),
        ("p6e-gb200.36xlarge", 16, None),
        ("p5.48xlarge", 0, None),
    ],
)
def test_bandwidth_that_a_layout_leaves_unused(name: str, efa: int, gbps: int | None) -> None:
    layout = [Interface(0, 0, "interface"), *(Interface(card, 1, "efa-only") for card in range(efa))]
    shortfall = efa_shortfall(InstanceType.of(name), layout)
    assert (shortfall.gbps if shortfall else None) == gbps
