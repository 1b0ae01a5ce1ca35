"""Facts of EKS, limits and capacity blocks, as they are read."""

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from ultrafleet.catalog import CapacityBlockRules, InstanceType, capacity_blocks, eks, limits
from ultrafleet.catalog.eks import KUBERNETES_VERSIONS, AddonName, AmiType, al2023_ami_type, xid_reason
from ultrafleet.catalog.fact_file import FactEntry, FactFile, Facts, Guard, SourceText
from ultrafleet.catalog.source import Confidence
from ultrafleet.environment.models import ClusterSettings
from ultrafleet.errors import FleetError
from ultrafleet.pools import AcceleratorPool, UltraServerPool
from ultrafleet.rules.block_clock import default_drain_lead_minutes, least_drain_lead_minutes

ROOT = Path(__file__).parents[2]


class TestKubernetesVersions:
    def test_have_both_ends_of_support_or_say_why_not(self) -> None:
        ends = {
            version.name: (version.end_of_standard_support, version.end_of_extended_support)
            for version in KUBERNETES_VERSIONS
        }

        assert ends == {
            "1.31": (date(2025, 11, 26), date(2026, 11, 26)),
            "1.32": (date(2026, 3, 23), date(2027, 3, 23)),
            "1.33": (date(2026, 7, 29), date(2027, 7, 29)),
            "1.34": (date(2026, 12, 2), date(2027, 12, 2)),
            "1.35": (date(2027, 3, 27), date(2028, 3, 27)),
            "1.36": (None, None),
            "1.37": (None, None),
        }
        assert "not found" in str(eks.fact("eks/kubernetes-version/1.36/end-of-standard-support").note)

    def test_are_in_order(self) -> None:
        parsed = [version.parsed for version in KUBERNETES_VERSIONS]
        assert parsed == sorted(parsed)

    def test_default_is_the_newest_whose_support_is_known(self) -> None:
        assert eks.DEFAULT_KUBERNETES_VERSION == ClusterSettings().kubernetes_version == "1.35"

    def test_have_a_kubectl_layer_each_in_the_extra(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        layers = [
            re.match(r"aws-cdk\.lambda-layer-kubectl-v(\d+)", item)
            for item in project["optional-dependencies"]["kubectl"]
        ]

        assert [f"1.{layer[1]}" for layer in layers if layer] == [
            version.name for version in KUBERNETES_VERSIONS if version.parsed >= eks.P6E_MINIMUM_VERSION
        ]


class TestAmiTypes:
    @pytest.mark.parametrize(
        ("architecture", "accelerator", "expected"),
        [
            ("arm64", "nvidia", "AL2023_ARM_64_NVIDIA"),
            ("x86_64", "nvidia", "AL2023_x86_64_NVIDIA"),
            ("x86_64", "neuron", "AL2023_x86_64_NEURON"),
            ("x86_64", None, "AL2023_x86_64_STANDARD"),
            ("arm64", None, "AL2023_ARM_64_STANDARD"),
            ("arm64", "neuron", None),
            (None, "nvidia", None),
        ],
    )
    def test_follow_from_architecture_and_accelerator(
        self, architecture: str | None, accelerator: str | None, expected: str | None
    ) -> None:
        assert al2023_ami_type(architecture=architecture, accelerator=accelerator) == expected

    def test_are_those_of_the_file(self) -> None:
        names = {fact_id.split("/")[2] for fact_id, _ in eks.facts() if fact_id.startswith("eks/ami-type/")}

        assert {str(ami_type) for ami_type in AmiType} == names
        assert [ami_type for ami_type in AmiType if not ami_type.is_made] == ["AL2_x86_64_GPU"]
        assert AmiType.BOTTLEROCKET_X86_64.accelerators == ("neuron",)


class TestAddons:
    def test_that_the_library_names_are_in_the_file(self) -> None:
        assert set(AddonName) < set(eks.ADDON_NAMES)

    def test_have_an_oldest_version_where_a_source_states_one(self) -> None:
        assert {name: name.minimum_version for name in AddonName if name.minimum_version} == {
            "vpc-cni": (1, 18, 5),
            "eks-pod-identity-agent": (1, 2, 0),
            "amazon-cloudwatch-observability": (4, 6, 0),
        }
        assert AddonName.VPC_CNI.minimum_reason == "efa-only interfaces need it"
        assert AddonName.COREDNS.minimum_reason == ""


def test_fatal_xid_errors_are_those_that_node_monitoring_reports() -> None:
    assert {xid_reason(code) for code in eks.FATAL_XIDS} <= set(eks.NODE_MONITORING_REASONS)
    assert len(eks.FATAL_XIDS) == 21
    assert eks.host_log_group("prod") == "/aws/containerinsights/prod/host"


def test_node_monitoring_emits_known_xid_codes_alone() -> None:
    assert xid_reason(79) == "NvidiaXID79Error"
    assert len(eks.NODE_MONITORING_REASONS) == 25
    for code in (13, 94):  # reported as events, which repair nothing
        with pytest.raises(FleetError, match=rf"NvidiaXID{code}Error' is not in eks\.json"):
            xid_reason(code)


def test_grace_is_nvidia_on_arm() -> None:
    assert {str(kind) for kind in InstanceType.all() if kind.is_grace} >= {"p6e-gb200.36xlarge", "p6e-gb300r.36xlarge"}
    assert not any(kind.is_grace for kind in (InstanceType.P5_48XLARGE, InstanceType.TRN2_48XLARGE))


def test_limits_have_their_values_and_sources() -> None:
    assert limits.NODES_PER_NODE_GROUP.value == 450
    assert (limits.NODE_GROUPS_PER_CLUSTER.value, limits.NODE_GROUPS_PER_CLUSTER_MAXIMUM.value) == (30, 100)
    assert (limits.STACK_RESOURCES.value, limits.TEMPLATE_BYTES.value) == (500, 1_000_000)
    assert limits.USER_DATA_BYTES.value == 16 * 1024
    assert (limits.NETWORK_ADDRESS_USAGE.value, limits.NETWORK_ADDRESS_USAGE_MAXIMUM.value) == (64_000, 256_000)
    assert limits.source("limit/eks/node-groups-per-cluster-maximum").confidence is Confidence.MEDIUM


def test_capacity_blocks_have_one_placement_rule_with_one_confidence() -> None:
    assert capacity_blocks.source("capacity-block/no-placement-group").confidence is Confidence.HIGH
    assert capacity_blocks.source("capacity-block/placement-group-launch").confidence is Confidence.MEDIUM


def test_lengths_of_time_carry_their_units() -> None:
    assert timedelta(minutes=15) == CapacityBlockRules.EKS_EVICTION
    assert timedelta(minutes=40) == CapacityBlockRules.EKS_SCALE_DOWN
    assert timedelta(hours=12) == CapacityBlockRules.PAYMENT_FAILS_AFTER
    assert timedelta(minutes=60) == CapacityBlockRules.ULTRASERVER_TERMINATION_DUTY
    assert capacity_blocks.in_minutes(CapacityBlockRules.PAYMENT_FAILS_AFTER) == 720


class TestFactsOfAFile:
    def test_refuse_an_unknown_id_and_another_type(self) -> None:
        facts = Facts("limits")
        with pytest.raises(FleetError, match=r"fact 'limit/x' is not in limits\.json"):
            facts["limit/x"]
        with pytest.raises(FleetError, match="is 450, expected str"):
            facts.text("limit/eks/nodes-per-node-group")

    def test_refuse_the_source_of_what_is_unknown(self) -> None:
        with pytest.raises(FleetError, match="has no source, expected a fact with a value"):
            limits.source("limit/ec2/capacity-reservations-per-group")

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"value": None}, "neither a value nor a note"),
            ({"value": 1}, "lacks source, confidence or as_of"),
            ({"value": 1, "source": "s", "confidence": "high"}, "lacks source, confidence or as_of"),
        ],
    )
    def test_refuse_a_fact_without_what_belongs_to_it(self, given: dict[str, object], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            FactEntry.model_validate({"id": "x", **given})

    def test_refuse_a_fact_twice_and_an_unknown_source(self) -> None:
        known = FactEntry(id="x", value=1, source="s", confidence=Confidence.HIGH, as_of="2026-11")
        with pytest.raises(ValidationError, match="fact x is stated twice"):
            FactFile(sources={"s": SourceText(text="S")}, facts=(known, known))
        with pytest.raises(ValidationError, match="names source 's', expected one of t"):
            FactFile(sources={"t": SourceText(text="T")}, facts=(known,))

    def test_refuse_words_of_a_guard_that_nothing_reads(self) -> None:
        with pytest.raises(ValidationError, match="expected words for beside and phrase alone"):
            Guard(where="anywhere", words="node")
        with pytest.raises(ValidationError, match="expected words for beside and phrase alone"):
            Guard(where="beside")


class TestPages:
    """Pages and docstrings that name a fact's value, for readers: they say what the catalog says."""

    def test_name_the_default_version(self) -> None:
        page = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")

        assert f'| `kubernetes_version` | `"{eks.DEFAULT_KUBERNETES_VERSION}"` |' in page

    @pytest.mark.parametrize("page", ["cluster", "cluster-addons", "delivery"])
    def test_show_the_default_version(self, page: str) -> None:
        text = (ROOT / "docs" / "constructs" / f"{page}.md").read_text(encoding="utf-8")

        assert set(re.findall(r'kubernetes_version="([^"]+)"', text)) == {eks.DEFAULT_KUBERNETES_VERSION}

    @pytest.mark.parametrize(("pool", "ultraserver"), [(UltraServerPool, True), (AcceleratorPool, False)])
    def test_name_the_drain_lead(self, pool: type, ultraserver: bool) -> None:
        default = default_drain_lead_minutes(ultraserver=ultraserver)
        least = least_drain_lead_minutes(ultraserver=ultraserver)
        kind = "ultraserver" if ultraserver else "accelerator"
        page = (ROOT / "docs" / "environments.md").read_text(encoding="utf-8")
        row = next(line for line in page.splitlines() if line.startswith("| `drain_lead_minutes` |"))

        assert f"Default {default}, at least {least}" in str(pool.__doc__)
        assert f"{default} for `{kind}`" in row
        assert str(least) in row.partition("at least ")[2]
