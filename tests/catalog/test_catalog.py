"""The catalog: every value has a source, and what nobody states is None."""

import copy
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ultrafleet.catalog import (
    CapacityBlockRules,
    Confidence,
    Fabric,
    Fact,
    InstanceType,
    InstanceTypeFacts,
    NetworkCard,
    PurchaseOption,
    Source,
    UltraServerType,
    UltraServerTypeFacts,
    price,
)
from ultrafleet.catalog._data import CatalogData, read_data, sources
from ultrafleet.errors import FleetError, UnknownFactError

REFERENCE = (
    Path(os.environ.get("ULTRAFLEET_REFERENCE", Path(__file__).parent.parent.parent.parent / "shared" / "reference"))
    / "accelerated_instances.json"
)
NEEDS_REFERENCE = pytest.mark.skipif(not REFERENCE.exists(), reason=f"the reference table is not at {REFERENCE}")

ENTRIES = [*InstanceType.all(), *UltraServerType.all()]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_every_fact_has_a_source_and_a_confidence(entry: InstanceType | UltraServerType) -> None:
    known = {source.text for source in sources().values()}
    assert entry.facts()
    for name, fact in entry.facts().items():
        assert fact.value is not None, name
        assert fact.source is not None, name
        assert fact.source.text in known, name
        assert isinstance(fact.confidence, Confidence), name


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_attributes_are_the_facts_and_none_where_nobody_states_one(entry: InstanceType | UltraServerType) -> None:
    for name in type(entry).FACTS:
        assert getattr(entry, name) == entry.fact(name).value
    unstated = set(type(entry).FACTS) - set(entry.facts())
    assert all(getattr(entry, name) is None for name in unstated)


@pytest.mark.parametrize("instance_type", InstanceType.all(), ids=str)
def test_cards_have_consecutive_indexes_and_a_source(instance_type: InstanceType) -> None:
    cards = instance_type.network_cards
    if cards is None:
        return
    assert [card.index for card in cards] == list(range(len(cards)))
    assert {card.source.text for card in cards} <= {source.text for source in sources().values()}


def test_classes_have_an_attribute_for_each_entry() -> None:
    assert InstanceType.of("p6e-gb200.36xlarge") == InstanceType.P6E_GB200_36XLARGE
    assert UltraServerType.of("u-p6e-gb200x72") == UltraServerType.U_P6E_GB200X72
    for cls in (InstanceType, UltraServerType):
        named = {value for name, value in vars(cls).items() if name.isupper() and isinstance(value, cls)}
        assert named == set(cls.all())


def test_type_checkers_know_every_entry_and_every_fact() -> None:
    for cls, facts in ((InstanceType, InstanceTypeFacts), (UltraServerType, UltraServerTypeFacts)):
        named = {name for name, value in vars(cls).items() if name.isupper() and isinstance(value, cls)}
        assert {name for name in cls.__annotations__ if name.isupper()} == {*named, "FACTS"}
        # The attributes are those of the facts by inheritance: one definition.
        assert issubclass(cls, facts)
        assert set(facts.__annotations__) == set(cls.FACTS)


class TestWhatIsEasyToGetWrong:
    def test_ultraservers_hold_whole_racks(self) -> None:
        sizes = {str(server): (server.instance_count, server.accelerator_count) for server in UltraServerType.all()}
        assert sizes == {
            "u-p6e-gb200x36": (9, 36),
            "u-p6e-gb200x72": (18, 72),
            "u-trn2x64": (4, 64),
            "u-p6e-gb300x72": (18, 72),
            "trn3 Gen1 UltraServer": (4, 64),
            "trn3 Gen2 UltraServer": (36, 144),
        }

    def test_ultraservers_add_up_to_their_members(self) -> None:
        for server in UltraServerType.all():
            member, count = server.instance_type, server.instance_count
            assert count is not None
            if member is None or member.efa_bandwidth_gbps is None:
                continue
            assert server.efa_bandwidth_gbps == count * member.efa_bandwidth_gbps
            assert member.accelerator_count is not None
            assert server.accelerator_count == count * member.accelerator_count

    def test_gb300_is_a_guess_and_says_so(self) -> None:
        fact = UltraServerType.U_P6E_GB300X72.fact("instance_count")
        assert fact.confidence is Confidence.LOW
        assert "inferred" in str(fact.note)
        assert InstanceType.P6E_GB300_36XLARGE.vcpus is None
        assert InstanceType.P6E_GB300_36XLARGE.network_cards is None
        assert UltraServerType.U_P6E_GB300X72.instance_type == InstanceType.P6E_GB300R_36XLARGE

    def test_trn3_has_no_names(self) -> None:
        assert InstanceType.TRN3_GEN1.name is None
        assert UltraServerType.TRN3_GEN2.name is None
        assert UltraServerType.TRN3_GEN1.instance_type is None
        assert str(InstanceType.TRN3_GEN1) == "trn3 Gen1 UltraServer"

    def test_disputed_and_nonsensical_values_are_left_out(self) -> None:
        assert InstanceType.P6E_GB200_36XLARGE.nvlink_domain_accelerators is None
        assert InstanceType.TRN2_48XLARGE.accelerator_memory_gib == 96

    def test_what_is_unknown_on_purpose_says_why(self) -> None:
        gb200 = InstanceType.P6E_GB200_36XLARGE
        assert "that of the UltraServer" in str(gb200.fact("nvlink_domain_accelerators").note)
        assert gb200.fact("nvlink_domain_accelerators").source is None
        assert "nvlink_domain_accelerators" not in gb200.facts()
        with pytest.raises(UnknownFactError, match=r"is unknown \(36 or 72: .*\), expected .*: pass a number"):
            gb200.require("nvlink_domain_accelerators", instead="pass a number")

    def test_gb200_takes_16_efa_interfaces_on_cards_of_1_and_2(self) -> None:
        gb200 = InstanceType.P6E_GB200_36XLARGE
        assert (gb200.max_efa_interfaces, gb200.documented_efa_interface_counts) == (16, (4, 8))
        assert (gb200.nitro_generation, gb200.efa_generation) == ("v6", "v4")
        cards = gb200.network_cards or ()
        assert [card.max_interfaces for card in cards] == [15, *(1 if card % 2 else 2 for card in range(1, 17))]
        assert sum(card.max_interfaces or 0 for card in cards) == gb200.max_network_interfaces
        assert [card.source_of("max_interfaces").confidence for card in cards[:2]] == [
            Confidence.LOW,
            Confidence.MEDIUM,
        ]

    def test_gb300r_has_two_fabrics(self) -> None:
        assert InstanceType.P6E_GB300R_36XLARGE.fabrics == (Fabric.EFA, Fabric.ROCE)
        assert InstanceType.P6E_GB200_36XLARGE.fabrics == (Fabric.EFA,)
        assert InstanceType.P6E_GB300_36XLARGE.fabrics == ()

    def test_values_have_their_own_source_and_not_that_of_their_neighbour(self) -> None:
        p5en = InstanceType.P5EN_48XLARGE
        assert (
            p5en.fact("nitro_generation").source.address
            == "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html"
        )
        assert "DescribeInstanceTypes" in str(p5en.fact("vcpus").source)
        card = (p5en.network_cards or ())[1]
        assert card.source.confidence is Confidence.HIGH
        assert card.source_of("additional_ena_interface").confidence is Confidence.MEDIUM
        assert "efa-acc-inst-types" in card.source_of("additional_ena_interface").text

    def test_members_of_ultraservers(self) -> None:
        members = {str(item) for item in InstanceType.all() if item.is_ultraserver_member}
        assert members == {
            "p6e-gb200.36xlarge",
            "p6e-gb300.36xlarge",
            "p6e-gb300r.36xlarge",
            "trn2u.48xlarge",
            "trn3 Gen1 UltraServer",
            "trn3 Gen2 UltraServer",
        }
        assert [str(server) for server in UltraServerType.with_members(InstanceType.P6E_GB200_36XLARGE)] == [
            "u-p6e-gb200x36",
            "u-p6e-gb200x72",
        ]

    def test_gb200_is_arm_and_sold_in_blocks_only(self) -> None:
        assert InstanceType.P6E_GB200_36XLARGE.architecture == "arm64"
        assert InstanceType.P6E_GB200_36XLARGE.purchase_options == ("capacity-block",)

    def test_on_demand_reservations_are_documented_for_some_families(self) -> None:
        documented = {item.family for item in InstanceType.all() if item.supports_on_demand_capacity_reservation}
        assert documented == {"p4d", "p5", "p5en", "p6-b200", "p6-b300", "trn2"}
        assert InstanceType.P5E_48XLARGE.supports_on_demand_capacity_reservation is None


class TestOf:
    def test_fails_for_an_unknown_name_with_what_is_close(self) -> None:
        with pytest.raises(FleetError, match=r"instance type is 'p6-b30\.48xlarge', expected .*p6-b300\.48xlarge"):
            InstanceType.of("p6-b30.48xlarge")
        with pytest.raises(FleetError, match=r"UltraServer type is 'u-p6e-gb200x71', expected .*u-p6e-gb200x72"):
            UltraServerType.of("u-p6e-gb200x71")

    def test_fails_for_a_name_without_facts(self) -> None:
        with pytest.raises(
            UnknownFactError, match=r"no facts of g6f\.xlarge are in the catalog \(a fraction of a GPU: .*: pass"
        ):
            InstanceType.of("g6f.xlarge")
        assert InstanceType.of("g6f.xlarge", facts=InstanceTypeFacts(vcpus=4)).vcpus == 4

    def test_makes_a_type_of_the_callers_own(self) -> None:
        own = InstanceType.of(
            "p9.48xlarge",
            facts=InstanceTypeFacts(vcpus=7),
            network_cards=[NetworkCard(index=0)],
            source=Source("a letter", Confidence.LOW),
        )
        assert own.vcpus == 7
        assert own.fact("vcpus") == Fact(7, Source("a letter", Confidence.LOW))
        assert own.memory_gib is None
        assert own.network_cards == (NetworkCard(index=0),)
        assert own not in InstanceType.all()

    def test_lays_facts_over_those_of_a_known_type(self) -> None:
        own = InstanceType.of("p6e-gb300.36xlarge", facts=InstanceTypeFacts(nvme_count=3))
        assert own.nvme_count == 3
        assert own.architecture == "arm64"
        assert InstanceType.P6E_GB300_36XLARGE.nvme_count is None

    def test_facts_of_the_callers_own_give_a_nameless_type_no_name(self) -> None:
        own = InstanceType.of("trn3 Gen1 UltraServer", facts=InstanceTypeFacts(nvme_count=1))
        assert own.name is None
        assert own == InstanceType.TRN3_GEN1
        assert own.is_ultraserver_member
        rack = UltraServerType.of("trn3 Gen1 UltraServer", facts=UltraServerTypeFacts(region="us-east-2"))
        assert rack.name is None
        assert rack.instance_count == 4

    @pytest.mark.parametrize("indexes", [[1], [0, 2], [0, 0], [1, 0]])
    def test_fails_for_cards_that_are_not_all_there_in_order(self, indexes: list[int]) -> None:
        with pytest.raises(FleetError, match=r"have the indexes .*, expected .*: pass every card"):
            InstanceType.of("p9.48xlarge", network_cards=[NetworkCard(index=index) for index in indexes])

    def test_fails_for_a_card_that_ec2_would_not_know(self) -> None:
        with pytest.raises(
            FleetError, match="interface type 'ena', expected one of interface, efa, efa-only, secondary"
        ):
            NetworkCard(index=0, interface_types=("ena",))
        with pytest.raises(FleetError, match="network card index is -1, expected 0 or more"):
            NetworkCard(index=-1)

    @pytest.mark.parametrize("entry", [InstanceType.P5_48XLARGE, UltraServerType.U_TRN2X64], ids=str)
    def test_fails_when_an_entry_is_changed(self, entry: InstanceType | UltraServerType) -> None:
        before = {name: getattr(entry, name) for name in type(entry).FACTS}
        with pytest.raises(AttributeError, match=r"can't be changed, got zones='1999-01': pass facts to"):
            entry.zones = "1999-01"
        with pytest.raises(AttributeError, match="can't be changed"):
            del entry.zones
        assert {name: getattr(entry, name) for name in type(entry).FACTS} == before

    def test_an_ultraserver_of_the_callers_own(self) -> None:
        own = UltraServerType.of(
            "u-new", instance_type=InstanceType.P5_48XLARGE, facts=UltraServerTypeFacts(instance_count=2)
        )
        assert own.instance_count == 2
        assert own.instance_type is InstanceType.P5_48XLARGE

    def test_fails_for_a_fact_that_is_none(self) -> None:
        with pytest.raises(ValidationError):
            InstanceTypeFacts(vcpu=7)  # type: ignore[call-arg]  # that is the fault

    def test_require(self) -> None:
        assert InstanceType.P5_48XLARGE.require("vcpus", instead="pass vcpus") == 192
        with pytest.raises(UnknownFactError, match=r"vcpus of p6e-gb300\.36xlarge is unknown .*: pass vcpus"):
            InstanceType.P6E_GB300_36XLARGE.require("vcpus", instead="pass vcpus")


def broken(edit: Callable[[dict[str, Any]], object]) -> None:
    data = copy.deepcopy(read_data("instance_types") | read_data("ultraserver_types"))
    edit(data)
    CatalogData.model_validate(data)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data["instance_types"][0].update(colour="red"), "colour"),
        (lambda data: data["instance_types"][0]["facts"][0]["values"].update(vcpu=1), "vcpu"),
        (lambda data: data["instance_types"][0]["facts"][0].update(source="hearsay"), "names source 'hearsay'"),
        (lambda data: data["instance_types"][0]["facts"][0].update(confidence="certain"), "confidence"),
        (lambda data: data["instance_types"][0]["facts"][1]["values"].update(vcpus=1), "vcpus is stated twice"),
        (lambda data: data["instance_types"][0]["network_cards"]["cards"][0].update(indexes="1-3"), "has cards"),
        (lambda data: data["instance_types"][0]["network_cards"]["cards"][0].update(indexes="0-4"), "has cards"),
        (
            lambda data: data["instance_types"][0]["network_cards"]["cards"][0].update(interface_types=["ena"]),
            "interface type 'ena'",
        ),
        (lambda data: data["instance_types"].append(data["instance_types"][0]), r"has p4d\.24xlarge twice"),
        (lambda data: data["instance_types"][0].update(unknown={"vcpus": "why"}), "calls 'vcpus' unknown"),
        (lambda data: data["instance_types"][0].update(unknown={"vcpu": "why"}), "calls 'vcpu' unknown"),
        (
            lambda data: data["instance_types"][3]["network_cards"]["other_sources"]["additional_ena_interface"].update(
                source="hearsay"
            ),
            "names source 'hearsay'",
        ),
        (
            lambda data: data["instance_types"][0]["network_cards"]["cards"][0].update(colour="red"),
            "colour",
        ),
    ],
)
def test_fails_on_a_broken_data_file(edit: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises((ValidationError, FleetError), match=message):
        broken(edit)


NEWER: dict[str, dict[str, Any]] = {
    "p6e-gb200.36xlarge": {"max_efa_interfaces": 16, "nitro_generation": "v6"},
    "p6e-gb300r.36xlarge": {"secondary_network_supported": True},
}
"""Facts added since the reference table was made."""


@NEEDS_REFERENCE
def test_holds_every_type_of_the_reference_table() -> None:
    for entry in json.loads(REFERENCE.read_text())["instances"]:
        assert InstanceType.of(entry["instance_type"] or entry["family"])


@NEEDS_REFERENCE
def test_says_what_the_reference_table_says() -> None:
    for entry in json.loads(REFERENCE.read_text())["instances"]:
        found = InstanceType.of(entry["instance_type"] or entry["family"])
        network = entry["network"]
        expected = {
            "accelerator_name": entry["accelerator"]["name"],
            "accelerator_count": entry["accelerator"]["count"],
            "vcpus": entry["vcpus"],
            "memory_gib": entry["memory_mib"] and entry["memory_mib"] / 1024,
            "architecture": entry["architecture"],
            "nvme_count": (entry["local_nvme"] or {}).get("count"),
            "nvme_size_gb": (entry["local_nvme"] or {}).get("size_gb"),
            "max_network_interfaces": network["max_network_interfaces"],
            "max_efa_interfaces": network["max_efa_interfaces"],
            "efa_bandwidth_gbps": network["efa_bandwidth_gbps"],
            "ipv4_per_interface": network["ipv4_per_interface"],
            "ipv6_per_interface": network["ipv6_per_interface"],
            "physical_cores": entry["physical_cores"],
            "cpu_vendor": entry["cpu_vendor"],
            "accelerator_memory_gb": entry["accelerator"].get("memory_gb_each_docs"),
            "ebs_baseline_mbps": (entry["ebs"] or {}).get("baseline_mbps"),
            "ebs_max_attachments": (entry["ebs"] or {}).get("max_attachments"),
            "network_card_count": network["network_cards"],
            "network_performance": network["network_performance"],
            "nitro_generation": network["nitro_generation"],
            "nitro_tpm": entry["nitro_tpm"],
            "ena_bandwidth_gbps": network["ena_bandwidth_gbps_max"],
            "ena_express": network["ena_express"],
            "roce_device_count": network.get("roce_devices"),
            "tcp_established_timeout_s": network["tcp_established_timeout_default_s"],
            "secondary_network_supported": network["secondary_network_supported"],
        }
        expected |= NEWER.get(str(found), {})
        assert {name: getattr(found, name) for name in expected} == expected, str(found)
        for name, value in (
            ("efa_generation", network["efa_generation"] if str(found) not in NEWER else found.efa_generation),
            ("nvlink_domain_accelerators", entry["scale_up_domain_accelerators"]),
            ("boot_modes", _tuple(entry["boot_modes"])),
            ("placement_group_strategies", _tuple(entry["placement_group_strategies_api"])),
        ):
            # Where the table tells of several values, the catalog has none and a note.
            if getattr(found, name) != value:
                assert getattr(found, name) is None, (str(found), name)
                assert found.fact(name).note, (str(found), name)
        memory = entry["accelerator"].get("memory_gib_each_docs") or (
            entry["accelerator"]["memory_mib_each_api"] and round(entry["accelerator"]["memory_mib_each_api"] / 1024, 3)
        )
        assert found.accelerator_memory_gib == memory, str(found)
        options = entry["supported_usage_classes"]
        assert found.purchase_options == (options and tuple(sorted(options)))
        for card, stated in zip(found.network_cards or (), network.get("cards") or [], strict=True):
            values = (card.index, card.baseline_gbps, card.ena_bandwidth_gbps, card.efa_bandwidth_gbps)
            assert values == tuple(stated.get(name) for name in ("index", "baseline_gbps", "ena_gbps", "efa_gbps"))
            inferred = stated.get("inferred_interface_types")
            assert card.interface_types == (_tuple(stated["interface_types"] or inferred) or None)
            if stated["max_interfaces"] is not None:
                assert card.max_interfaces == stated["max_interfaces"]


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


@NEEDS_REFERENCE
def test_shared_nics_and_accelerators_of_gb200_are_those_of_the_reference_table() -> None:
    (network,) = [
        entry["network"]
        for entry in json.loads(REFERENCE.read_text())["instances"]
        if entry["instance_type"] == "p6e-gb200.36xlarge"
    ]
    cards = InstanceType.P6E_GB200_36XLARGE.network_cards or ()
    assert {card.index: card.physical_nic_group for card in cards if card.physical_nic_group} == {
        card["index"]: "-".join(str(index) for index in card["physical_nic_group"])
        for card in network["cards"]
        if card.get("physical_nic_group")
    }
    served = {card.index: card.accelerators for card in cards if card.accelerators}
    assert served == {
        index: (accelerator,) for accelerator, pair in enumerate(network["gpu_to_nci_pairs"]) for index in pair
    }


@NEEDS_REFERENCE
def test_prices_and_zones_are_those_of_the_reference_table() -> None:
    blocks = json.loads(REFERENCE.read_text())["capacity_blocks"]
    for name, usd in blocks["hourly_usd_oct_2026"].items():
        if name != "per_gpu":
            assert price(name, PurchaseOption.CAPACITY_BLOCK, "us-east-1").value == usd
    zones = blocks["ultraserver_zones"]
    assert UltraServerType.U_P6E_GB200X72.zones == (zones["P6e-GB200"],)
    assert UltraServerType.U_P6E_GB200X36.zones == (zones["P6e-GB200"],)
    assert UltraServerType.U_TRN2X64.region == zones["Trn2"]


@NEEDS_REFERENCE
def test_rules_of_capacity_blocks_are_those_of_the_reference_table() -> None:
    blocks = json.loads(REFERENCE.read_text())["capacity_blocks"]
    rules = CapacityBlockRules
    assert f"{rules.END_TIME_UTC:%H:%M}" == blocks["end_time_utc"]
    assert timedelta(weeks=blocks["start_horizon_weeks"]) == rules.LATEST_START
    assert timedelta(minutes=blocks["min_lead_minutes"]) == rules.EARLIEST_START
    assert blocks["max_instances_per_block"] == rules.MAX_INSTANCES
    assert blocks["max_instances_across_org_per_date"] == rules.MAX_INSTANCES_ON_A_DATE
    assert timedelta(minutes=blocks["instance_cb_termination_minutes_before_end"]) == rules.INSTANCE_RECLAIM
    assert timedelta(minutes=blocks["ultraserver_cb_termination_minutes_before_end"]) == rules.ULTRASERVER_RECLAIM
    assert blocks["duration_days"].endswith(f"up to {rules.MAX_DURATION.days}")
