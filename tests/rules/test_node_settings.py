"""Settings of nodes that EKS or EC2 refuses: labels, AMI types, root volumes."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.eks import AmiType
from ultrafleet.errors import FleetError
from ultrafleet.rules.node_settings import (
    node_ami_type,
    validate_label_value,
    validate_node_labels,
    validate_node_tags,
    validate_root_volume_gib,
)

GRACE, X86, TRAINIUM = InstanceType.P6E_GB200_36XLARGE, InstanceType.P5EN_48XLARGE, InstanceType.TRN2_48XLARGE
QUALCOMM = InstanceType.DL2Q_24XLARGE


class TestTags:
    @pytest.mark.parametrize("tags", [{}, {"Name": "x"}, {"cost centre": "a b"}, {"awsome": "x"}, {"ultrafleet": "x"}])
    def test_are_taken(self, tags: dict[str, str]) -> None:
        validate_node_tags(tags)

    @pytest.mark.parametrize("key", ["aws:owner", "AWS:owner", "ultrafleet:schedule", "ultrafleet:pool"])
    def test_reserved_keys_fail(self, key: str) -> None:
        with pytest.raises(FleetError, match=f"key of a node tag is '{key}', expected one that doesn't begin with "):
            validate_node_tags({key: "x"})

    def test_keys_of_the_library_that_are_allowed_are_taken(self) -> None:
        validate_node_tags({"ultrafleet:pool": "x"}, allowed={"ultrafleet:pool"})
        with pytest.raises(FleetError, match="key of a node tag is 'ultrafleet:schedule', expected"):
            validate_node_tags({"ultrafleet:schedule": "hold"}, allowed={"ultrafleet:pool"})


class TestLabels:
    @pytest.mark.parametrize(
        "labels",
        [
            {},
            {"team": "post-training"},
            {"example.com/team": "a"},
            {"Team_1.x": "A-b_c.9"},
            {"k" * 63: "v" * 63},
            {"my-kubernetes.example.com/x": "1"},
            {"nvidia.com/mig.config": "all-1g.10gb"},
        ],
    )
    def test_are_taken(self, labels: dict[str, str]) -> None:
        validate_node_labels(labels)

    @pytest.mark.parametrize(
        "key", ["bad key!", "", "/x", "x/", "-a", "a-", "Example.com/x", "a/b/c", "k" * 64, "e" * 60 + "/team", "é"]
    )
    def test_malformed_keys_fail(self, key: str) -> None:
        with pytest.raises(FleetError, match=re.escape(f"key of a node label is {key!r}, expected up to 63 letters")):
            validate_node_labels({key: "x"})

    @pytest.mark.parametrize(
        "key",
        [
            "kubernetes.io/arch",
            "node-role.kubernetes.io/worker",
            "node.kubernetes.io/team",
            "node-restriction.kubernetes.io/team",
            "topology.k8s.io/x",
            "k8s.io/x",
            "eks.amazonaws.com/nodegroup",
        ],
    )
    def test_reserved_prefixes_fail(self, key: str) -> None:
        with pytest.raises(
            FleetError, match=r"expected one without kubernetes\.io/, k8s\.io/, eks\.amazonaws\.com/: EKS re"
        ):
            validate_node_labels({key: "x"})

    @pytest.mark.parametrize("key", ["ultrafleet/pool", "ultrafleet/ultraserver", "ultrafleet/other"])
    def test_those_of_the_library_fail(self, key: str) -> None:
        with pytest.raises(FleetError, match="expected one that doesn't begin with ultrafleet/: pools set these"):
            validate_node_labels({key: "zzz"})

    @pytest.mark.parametrize("value", ["x y", "", "-", "v" * 64, "a/b", "a,b", "ü"])
    def test_malformed_values_fail(self, value: str) -> None:
        with pytest.raises(FleetError, match=re.escape(f"label team is {value!r}, expected 1 to 63 letters, digits")):
            validate_node_labels({"team": value})

    @given(st.text(max_size=70))
    def test_a_value_is_taken_or_refused_by_its_name(self, value: str) -> None:
        if re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value):
            validate_label_value("workload", value)
        else:
            with pytest.raises(FleetError, match="workload is "):
                validate_label_value("workload", value)


class TestAmiType:
    @pytest.mark.parametrize(
        ("instance_type", "ami_type"),
        [
            (GRACE, AmiType.AL2023_ARM_64_NVIDIA),
            (X86, AmiType.AL2023_X86_64_NVIDIA),
            (TRAINIUM, "AL2023_x86_64_NEURON"),
        ],
    )
    def test_is_derived_and_may_be_stated(self, instance_type: InstanceType, ami_type: str) -> None:
        assert node_ami_type(instance_type, None) == ami_type
        assert node_ami_type(instance_type, str(ami_type)) == ami_type

    @pytest.mark.parametrize(
        ("instance_type", "stated", "message"),
        [
            (X86, "BOTTLEROCKET_x86_64_NVIDIA", "expected AL2023_x86_64_NVIDIA: Bottlerocket reads settings in TOML"),
            (GRACE, "CUSTOM", "expected AL2023_ARM_64_NVIDIA: pools name no image of one's own"),
            (X86, "AL2_x86_64_GPU", "EKS makes no more images of Amazon Linux 2; leave ami_type out"),
            (X86, "AL2023_x86_64_NVIDEA", "is 'AL2023_x86_64_NVIDEA', expected AL2023_x86_64_NVIDIA: leave ami_type"),
            (X86, "AL2023_ARM_64_NVIDIA", "expected AL2023_x86_64_NVIDIA"),
            (X86, "AL2023_x86_64_NEURON", "expected AL2023_x86_64_NVIDIA"),
            (X86, "AL2023_x86_64_STANDARD", "expected AL2023_x86_64_NVIDIA"),
            (QUALCOMM, "AL2023_ARM_64_STANDARD", "expected AL2023_x86_64_STANDARD or AL2023_x86_64_NVIDIA or"),
            (QUALCOMM, "BOTTLEROCKET_x86_64", "Bottlerocket reads settings in TOML, .*; pass one of these"),
        ],
    )
    def test_fails(self, instance_type: InstanceType, stated: str, message: str) -> None:
        with pytest.raises(FleetError, match=message):
            node_ami_type(instance_type, stated)

    def test_of_a_type_whose_accelerator_has_none(self) -> None:
        assert node_ami_type(QUALCOMM, "AL2023_x86_64_STANDARD") == "AL2023_x86_64_STANDARD"
        with pytest.raises(FleetError, match="no AMI type is known for qualcomm on x86_64"):
            node_ami_type(QUALCOMM, None)


class TestRootVolume:
    def test_takes_what_ebs_makes(self) -> None:
        for gib in (1, 100, 65_536):
            validate_root_volume_gib(gib)

    @pytest.mark.parametrize("gib", [0, -1, 65_537, 99_999_999])
    def test_fails(self, gib: Any) -> None:
        with pytest.raises(FleetError, match=f"root_volume_gib is {gib}, expected 1 to 65,536, the largest gp3 volume"):
            validate_root_volume_gib(gib)
