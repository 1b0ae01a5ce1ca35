"""A catalogued fact has one home: no literal twin of it elsewhere in the library."""

import shutil
from pathlib import Path

import pytest

from helpers.literal_twins import FACT_FILES, Literal, Needle, guarded_facts, literals, twins
from ultrafleet.catalog import agreement, capacity_blocks, eks, limits
from ultrafleet.catalog.fact_file import FactEntry, Guard, fact_file
from ultrafleet.catalog.source import Confidence

ROOT = Path(__file__).parents[2]
FOLDERS = ("constructs",)


def test_no_guarded_fact_is_written_down_again() -> None:
    found = twins(ROOT, folders=FOLDERS, facts=guarded_facts())

    assert not found, "\n".join(map(str, found))


# What must have one home, and literals that would be a second one: fact, source text.
PLANTED = {
    "an AMI type": ("eks/ami-type/AL2023_ARM_64_NVIDIA", 'AMI = "AL2023_ARM_64_NVIDIA"'),
    "an AMI type in a message": (
        "eks/ami-type/AL2023_x86_64_NEURON",
        'def f(x):\n    return f"{x}, expected AL2023_x86_64_NEURON: change it"',
    ),
    "a Kubernetes version": ("eks/kubernetes-version/1.36", 'VERSIONS = ("1.36",)'),
    "a Kubernetes version as numbers": ("eks/kubernetes-version/1.34", "MINIMUM = (1, 34)"),
    "a Kubernetes version in a docstring": ("eks/kubernetes-version/1.35", '"""Needs 1.35 or newer."""'),
    "a Kubernetes version in a comment": ("eks/kubernetes-version/1.33", "X = 0  # P6e needs 1.33"),
    "nodes of a node group": ("limit/eks/nodes-per-node-group", "def f(size):\n    return size > 450"),
    "node groups of a cluster": ("limit/eks/node-groups-per-cluster", "_MOST_GROUPS: int = 30"),
    "node groups, compared": ("limit/eks/node-groups-per-cluster", "def f(node_groups):\n    return node_groups >= 30"),
    "node groups in a message": ("limit/eks/node-groups-per-cluster", 'X = "at most 30 node groups a cluster"'),
    "the hard limit of node groups": ("limit/eks/node-groups-per-cluster-maximum", "MAX_NODE_GROUPS = 100"),
    "resources of a stack": ("limit/cloudformation/resources-per-stack", "MAX_RESOURCES = 500"),
    "bytes of a template": ("limit/cloudformation/template-bytes", "def f(*, max_bytes=1_000_000): ..."),
    "bytes of a template in a message": (
        "limit/cloudformation/template-bytes",
        'X = "a template takes 1,000,000 bytes"',
    ),
    "user data": ("limit/ec2/user-data-bytes", "LIMIT = 16 * 1024"),
    "user data in words": ("limit/ec2/user-data-bytes", 'X = "EC2 takes 16 KiB"'),
    "the placement rule": (
        "capacity-block/no-placement-group",
        'X = "EC2 takes no placement group with a capacity block"',
    ),
    "the placement rule in other words": (
        "capacity-block/no-placement-group",
        'X = "Placement groups are not supported with Capacity Blocks."',
    ),
    "the reclaim": ("capacity-block/ultraserver-reclaim-minutes", "RECLAIM = timedelta(minutes=60)"),
    "the eviction": ("capacity-block/eks-eviction-minutes", "EVICTION_MINUTES = 15"),
    "the end of a block": ("capacity-block/end-time-utc", "END = time(11, 30)"),
    "an add-on": ("eks/addon/vpc-cni", 'CNI = "vpc-cni"'),
    "the oldest version of an add-on": ("eks/addon/vpc-cni/minimum-version", "SINCE = (1, 18, 5)"),
    "a reason of node monitoring": ("eks/node-monitoring/reason/NvidiaXID79Error", 'X = ["NvidiaXID79Error"]'),
}


@pytest.mark.parametrize(("fact_id", "source"), PLANTED.values(), ids=PLANTED)
def test_finds_a_planted_twin(tmp_path: Path, fact_id: str, source: str) -> None:
    planted = tmp_path / "constructs" / "ultrafleet" / "pools" / "planted.py"
    planted.parent.mkdir(parents=True)
    planted.write_text(source, encoding="utf-8")

    found = [(twin.path, twin.fact_id) for twin in twins(tmp_path, folders=FOLDERS, facts=guarded_facts())]

    assert found == [("constructs/ultrafleet/pools/planted.py", fact_id)] or (
        # One number may be two facts, such as 60 minutes of reclaim and of the latest extension.
        ("constructs/ultrafleet/pools/planted.py", fact_id) in found
    )


def test_names_file_line_and_fact_of_a_twin_in_a_copy_of_the_library(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "constructs" / "ultrafleet" / "pools", tmp_path / "constructs" / "ultrafleet" / "pools")
    pool = tmp_path / "constructs" / "ultrafleet" / "pools" / "node_pool.py"
    lines = pool.read_text(encoding="utf-8").count("\n")
    pool.write_text(pool.read_text(encoding="utf-8") + "_MAX_NODES = 450\n", encoding="utf-8")

    found = twins(tmp_path, folders=FOLDERS, facts=guarded_facts())

    (twin,) = found
    assert str(twin) == (
        f"constructs/ultrafleet/pools/node_pool.py:{lines + 1}: '450' is fact limit/eks/nodes-per-node-group: "
        "read it from the catalog"
    )


@pytest.mark.parametrize(
    "source",
    [
        '"""Fleets of 450.5 nodes, and version 1.34.2."""',
        "SECONDS = 30",
        'version: str = Field(default=None, examples=["1.36"])',
        "WIDGETS = 500",
        "priority = dict(value=1_000_000)",
        'ARGS = ("--max_num_tokens=16384",)',
        'NAME = "my-vpc-cni-role"',
        '"""Whether the block ends before 11:30 UTC, 15 minutes after eviction, in prose."""',
    ],
)
def test_lets_other_meanings_be(tmp_path: Path, source: str) -> None:
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "other.py").write_text(source, encoding="utf-8")

    assert twins(tmp_path, folders=("stacks",), facts=guarded_facts()) == []


def test_reads_names_that_a_literal_belongs_to() -> None:
    source = "A: int = 1\nf(b=2)\nx = {'c': 3}\ndef g(d=4, *, e=5): ...\nif h < 6: ...\n"
    names = {literal.value: literal.names.split() for literal in literals(source) if type(literal.value) is int}

    assert names == {1: ["A"], 2: ["b"], 3: ["x", "'c'"], 4: ["d"], 5: ["e"], 6: ["h", "<", "6"]}


def test_folds_arithmetic() -> None:
    needle = Needle(
        FactEntry(
            id="x", value=16384, source="s", confidence=Confidence.HIGH, as_of="2026-11", guard=Guard(where="anywhere")
        )
    )

    assert [needle.matches(literal) for literal in literals("X = 2 ** 14")] == [True]
    assert not needle.matches(Literal(1, "16384.5"))


class TestFactFiles:
    def test_state_source_confidence_and_day_of_every_value(self) -> None:
        for module in (eks, limits, capacity_blocks, agreement):
            for fact_id, fact in module.facts():
                known = (fact.source, fact.confidence, fact.as_of)
                assert (None not in known) if fact.value is not None else fact.note, fact_id

    def test_have_ids_of_their_own(self) -> None:
        ids = [entry.id for name in FACT_FILES for entry in fact_file(name).facts]

        assert len(ids) == len(set(ids))

    def test_numbers_that_nothing_guards_are_few(self) -> None:
        """Their values are too common, and no words beside them tell them apart: the guard doesn't see their twins."""
        unguarded = {
            entry.id
            for name in FACT_FILES
            for entry in fact_file(name).facts
            if type(entry.value) is int and entry.guard is None
        }

        assert unguarded == {
            "capacity-block/karpenter-drain-minutes",
            "capacity-block/p6e-gb200-termination-duty-minutes",
            "eks/node-monitoring/guard-needs-more-nodes-than",
            "limit/autoscaling/distribution-segments-per-group",
            "limit/eks/cluster-name-characters",
            "limit/fsx/storage-step-gib/PERSISTENT_1",
            "limit/fsx/persistent-2-storage-step-gib",
            "limit/vpc/network-address-usage-per-p6e-node",
        }

    def test_name_no_source_in_vain(self) -> None:
        for name in FACT_FILES:
            named = {entry.source for entry in fact_file(name).facts}
            assert set(fact_file(name).sources) <= named, name
