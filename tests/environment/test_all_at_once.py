"""Faults of a file that others don't hide: what is wrong in one key is no reason not to look at the rest."""

import random
from pathlib import Path

import pytest
import yaml

from environment.test_wrong_inputs import TABLE, TEXTS, Row, faults_of
from helpers.adopted_layers import adopted
from helpers.environment_changes import put

TRAINING = TEXTS["training"]
BLOCK = "capacity_reservation_id: cr-0aaaaaaaaaaaaaaa1"
RACK_A = "  - name: rack-a\n    kind: ultraserver\n"
UNREADABLE = (
    "  - h100\n", "subnets:\n    # none", "nodes: 3", "- name: rack-a", "cr-0aaaaaaaaaaaaaaa1", "cr-xyz", "cbr-",
    "certificate_arn: arn:aws:iam:", "plain_http: true",
)  # fmt: skip
"""What the other edit of a pair takes the ground from: another entry, another list, another id."""


def written(folder: Path, text: str, *edits: tuple[str, str]) -> Path:
    for before, after in edits:
        assert before in text
        text = text.replace(before, after, 1)
    file = folder / "training.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def keys(file: Path) -> list[str]:
    return [fault.key for fault in faults_of(file)]


def test_a_wrong_block_hides_nothing_of_its_pool(tmp_path: Path) -> None:
    node = (
        "node: { root_volume_gib: 99999999, max_pods: 0, kubelet_flags: [v, --config=x],"
        " volumes: [{ device_name: /dev/xvdb, size_gib: 9, iops: 1 }] }"
    )
    file = written(
        tmp_path, TRAINING, ("start: 2026-12-01T11:30:00Z", "start: 2026-12-01T11:30:00"),
        ("end: 2026-12-15T11:30:00Z", "end: 2026-12-15T11:30:00\n        instance_count: 17"),
        ("subnet: dallas\n", f"subnet: dalas\n    drain_lead_minutes: 5\n    colour: red\n    {node}\n"),
        ("cr-0bbbbbbbbbbbbbbb1", "cr-0aaaaaaaaaaaaaaa2"),
    )  # fmt: skip
    assert keys(file) == [
        "pools[0].subnet", "pools[0].drain_lead_minutes", "pools[0].colour", "pools[0].node.root_volume_gib",
        "pools[0].node.max_pods", "pools[0].node.kubelet_flags[0]", "pools[0].node.kubelet_flags[1]",
        "pools[0].node.volumes[0].iops", "pools[0].blocks[0].start", "pools[0].blocks[0].end",
        "pools[0].blocks[0].instance_count", "pools[1].blocks[0].capacity_reservation_id",
    ]  # fmt: skip


def test_a_wrong_block_hides_no_other_of_a_pool_of_single_instances(tmp_path: Path) -> None:
    pool = yaml.safe_load(TEXTS["inference"])["pools"][1]
    first, second, third = (
        dict(pool["blocks"][0], capacity_reservation_id=f"cr-0ccccccccccccccc{n}") for n in (1, 2, 3)
    )
    first.pop("instance_count")
    second["capacity_reservation_id"] = "cr-x"
    third["instance_count"] = 65
    content = yaml.safe_load(TEXTS["inference"])
    content["pools"][1].update(blocks=[first, second, third], placement_group="cluster", nodes=0)
    file = written(tmp_path, yaml.safe_dump(content, sort_keys=False))
    assert sorted(keys(file)) == [
        "pools[1].blocks[0].instance_count", "pools[1].blocks[1].capacity_reservation_id",
        "pools[1].blocks[2].instance_count", "pools[1].nodes", "pools[1].placement_group",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["    kind: ultra\n", ""])
def test_a_wrong_kind_hides_nothing_of_its_pool(tmp_path: Path, kind: str) -> None:
    file = written(
        tmp_path, TRAINING, ("    kind: ultraserver\n", kind),
        ("subnet: dallas\n", "subnet: dalas\n    hold: 1\n"), (BLOCK, "capacity_reservation_id: cr-x"),
    )  # fmt: skip
    assert keys(file) == [
        "pools[0].kind", "pools[0].subnet", "pools[0].hold", "pools[0].blocks[0].capacity_reservation_id",
    ]  # fmt: skip


def test_racks_of_a_pool_of_single_instances_are_one_fault(tmp_path: Path) -> None:
    pool = {"kind": "accelerator", "workload": "training", "instance_type": "p5.48xlarge", "subnet": "b300-b"}
    content = adopted(put(pools=[{**pool, "racks": {"r1": "cr-0ccccccccccccccc1"}}]))
    (fault,) = faults_of(written(tmp_path, yaml.safe_dump(content, sort_keys=False)))
    assert (fault.key, fault.got, fault.expected) == ("pools[0].kind", "'accelerator'", "ultraserver, of racks")


def test_an_entry_of_racks_that_cannot_be_read_hides_nothing_of_its_pool(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        TRAINING,
        (RACK_A, f"{RACK_A}    racks: [a]\n    colour: red\n"),
        ("subnet: dallas\n", "subnet: dalas\n"),
    )
    assert keys(file) == [
        "pools[0].name", "pools[0].racks", "pools[0].colour", "pools[0].subnet", "pools[0].blocks",
    ]  # fmt: skip


def test_a_wrong_part_hides_nothing_of_an_existing_cluster(tmp_path: Path) -> None:
    content = adopted(
        put("cluster", addons=["cert-manager"], service_cidr="172.20.0.0/16", api_access_cidrs=["10.0.0.0/8"]),
        put("cluster", "existing", addons=["cert-manager"]),
        put(notify=["ops"], encryption_key_arn="arn:aws:kms:eu-west-1:111122223333:key/1", production="yes"),
        put("network", egress="zonal_nat"),
    )
    found = set(keys(written(tmp_path, yaml.safe_dump(content, sort_keys=False))))
    assert found >= {
        "cluster.addons", "cluster.service_cidr", "cluster.api_access_cidrs", "notify[0]", "encryption_key_arn",
        "production", "network.egress",
    }  # fmt: skip


def _pairs(count: int) -> list[tuple[Row, Row]]:
    """Pairs of wrong inputs of one file at two places, the same ones in each run."""
    rows = [row for row in TABLE if row[2] and not any(text in row[2] for text in UNREADABLE)]
    chosen = random.Random(7)
    drawn = [
        chosen.sample([row for row in rows if row[0] == name], 2) for name in ("dev", "training", "inference") * count
    ]
    return [(one, other) for one, other in drawn if one[1] not in other[1] and other[1] not in one[1]]


@pytest.mark.parametrize("pair", _pairs(20), ids=lambda pair: f"{pair[0][3]} and {pair[1][3]}")
def test_of_two_wrong_inputs_each_is_told(tmp_path: Path, pair: tuple[Row, Row]) -> None:
    one, other = pair
    name = one[0]

    def told(*rows: Row) -> set[tuple[str, object]]:
        text = TEXTS[name]
        for row in rows:
            text = text.replace(row[1], row[2], 1)
        file = tmp_path / f"{name}.yaml"
        file.write_text(text, encoding="utf-8")
        return {(fault.key, fault.got) for fault in faults_of(file)}

    assert told(one, other) == told(one) | told(other)
