"""nccom-test's output: the tables of its user guide, what viewers do to them, and what no good node prints."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.acceptance.command import main
from ultrafleet.acceptance.nccom_log import judge_nccom, looks_like_nccom, nccom_threshold, parse_nccom_log
from ultrafleet.acceptance.thresholds import Threshold, UnknownThresholdError

# Tables as the user guide of nccom-test shows them (aws-neuron-sdk, tools/neuron-sys-tools/nccom-test.rst).
TWO_NODES = """
       size(B)    count(elems)    type    time(us)    algbw(GB/s)    busbw(GB/s)
       8388608         2097152    fp32        1419           5.51          10.84
      16777216         4194304    fp32        2138           7.31          14.39
     134217728        33554432    fp32        6279          19.91          39.19
     536870912       134217728    fp32       21803          22.93          45.15
    1073741824       268435456    fp32       41806          23.92          47.09
Avg bus bandwidth:      9.3924GB/s
"""
PERCENTILES = """
size(B)    count(elems)    type    time:avg(us)    time:p50(us)    algbw(GB/s)    busbw(GB/s)    algorithm
   33554432         8388608    fp32         2754.15      2754    12.18          22.84    kangaring
  536870912       134217728    fp32         9689.51      9688    55.41         103.89    kangaring
Avg bus bandwidth:\t16.6181GB/s
"""
SIZES = """
size(B)    count(elems)    total_input_size(B)    total_output_size(B)    type    time:avg(us)  algbw(GB/s)  busbw(GB/s)
   1024             256                     32                    1024    fp32            6.16         0.17         0.16
 524288          131072                  16384                  524288    fp32           23.16        22.64        21.93
Avg bus bandwidth:      7.7715GB/s
"""
BROKEN = """
     size(B)    count(elems)    type    time(us)    algbw(GB/s)    busbw(GB/s)
    33554432    Failure running neuron-bench - log file /tmp/nccom_test_log_7pqpdfjf.log
1 errors found - test failed
"""
NO_DRIVER = "Neuron DKMS Driver is not running! Read the troubleshooting guide at: https://awsdocs-neuron"
FLOOR = Threshold(40.0, 1 << 30, "caller")


def table(*rows: tuple[int, float, float], end: bool = True) -> str:
    lines = ["size(B)    count(elems)    type    time:avg(us)    algbw(GB/s)    busbw(GB/s)"]
    lines += [f"{size}  {size // 4}  fp32  10.00  {algorithm:.2f}  {bus:.2f}" for size, algorithm, bus in rows]
    return "\n".join([*lines, *(["Avg bus bandwidth:\t20.0000GB/s"] if end else [])])


def of_ranks(ranks: int, algorithm: float) -> str:
    return table((1 << 30, algorithm, algorithm * 2 * (ranks - 1) / ranks))


def codes(text: str, *, ranks: int | None = None, floor: Threshold = FLOOR, **options: int) -> list[str]:
    return [
        finding.code for finding in judge_nccom(text, path="efa", floor=floor, expected_ranks=ranks, **options).findings
    ]


def test_a_table_of_the_guide_passes_by_its_largest_size() -> None:
    verdict = judge_nccom(TWO_NODES, path="efa", floor=FLOOR, expected_ranks=64)
    assert verdict.passed, verdict.findings
    assert (verdict.bus_bandwidth_gbs, verdict.size_bytes, verdict.ranks) == (47.09, 1 << 30, 64)
    assert "doesn't say what carries the bytes" in verdict.notes[0]


@pytest.mark.parametrize(("text", "largest"), [(PERCENTILES, 103.89), (SIZES, 21.93)])
def test_columns_are_found_by_their_names(text: str, largest: float) -> None:
    (run,) = parse_nccom_log(text)
    assert run.rows[-1].bus_bandwidth == largest
    assert not run.broken_rows
    assert len(run.rows) == 2


def test_sixteen_ranks_by_their_algorithm_alone() -> None:
    verdict = judge_nccom(PERCENTILES, path="neuronlink", floor=FLOOR, expected_ranks=16, min_largest=1 << 29)
    assert verdict.passed, verdict.findings
    assert verdict.ranks == 16


def test_a_report_file_is_read_too() -> None:
    report = {
        "results": [
            {
                "size(B)": 1 << 30,
                "count(elems)": 1,
                "type": "fp32",
                "algbw(GB/s)": 30.0,
                "busbw(GB/s)": 30.0 * 510 / 256,
                "time:avg(us)": 3,
            }
        ]
    }
    verdict = judge_nccom(json.dumps(report, indent=2), path="neuronlink", floor=FLOOR, expected_ranks=256)
    assert verdict.passed, verdict.findings
    assert verdict.ranks == 256
    assert codes(json.dumps(report), ranks=255) == ["ranks"]
    assert codes('{"results": []}') == ["truncated", "no-results"]
    assert codes('{"results": [{"size(B)": 1}]}') == ["no-results"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BROKEN, ["failed", "failed"]),
        (NO_DRIVER, ["failed"]),
        ("", ["no-results"]),
        ("kubectl: error: no such pod", ["no-results"]),
        (of_ranks(64, 20.0), ["bandwidth"]),
        (table((1 << 30, 30.0, 59.06), end=False), ["truncated"]),
        (table(), ["no-results"]),
        (table((1 << 25, 30.0, 59.06)), ["too-small"]),
        (table((1 << 30, float("nan"), float("nan"))), ["bandwidth"]),
        (table((1 << 30, float("inf"), float("inf"))), ["bandwidth"]),
        (table((1 << 30, 50.0, 49.22)), ["not-all-reduce"]),
        (table((1 << 30, 30.0, 59.06), (1 << 30, 20.0, 39.37)), ["bandwidth"]),
        (TWO_NODES + of_ranks(64, 20.0), ["bandwidth"]),
        (
            TWO_NODES.replace("1073741824       268435456    fp32       41806", "1073741824       268435456    fp32"),
            ["truncated", "too-small"],
        ),
    ],
    ids=[
        "a failure",
        "no driver",
        "nothing",
        "something else",
        "slow",
        "cut at its end",
        "a head alone",
        "small messages",
        "nan",
        "inf",
        "an all-gather",
        "a slow repetition",
        "a second, slow table",
        "a row cut short",
    ],
)
def test_fails_on(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize("ranks", [2, 16, 32, 64, 128, 256])
@pytest.mark.parametrize("algorithm", [25.0, 55.41, 180.0])
def test_ranks_follow_from_the_bandwidths(ranks: int, algorithm: float) -> None:
    assert codes(of_ranks(ranks, algorithm), ranks=ranks, floor=Threshold(1.0, 1 << 30, "caller")) == []
    assert codes(of_ranks(ranks, algorithm), ranks=2 * ranks, floor=Threshold(1.0, 1 << 30, "caller")) == ["ranks"]
    if ranks > 2:
        assert "ranks" in codes(of_ranks(ranks // 2, algorithm), ranks=ranks)


def test_figures_too_low_to_count_ranks_are_said() -> None:
    verdict = judge_nccom(of_ranks(64, 1.0), path="efa", floor=Threshold(0.5, 1 << 30, "caller"), expected_ranks=128)
    assert verdict.passed
    assert "too low to say how many ranks" in verdict.notes[1]


def test_what_efa_cannot_carry_went_over_neuronlink() -> None:
    floor = nccom_threshold("trn2u.48xlarge", "efa", min_bus_bandwidth_gbs=40.0)
    assert floor.impossible_above_gbs == pytest.approx(759.96, abs=0.01)
    assert codes(of_ranks(256, 500.0), floor=floor) == ["too-fast"]
    assert codes(of_ranks(256, 100.0), floor=floor) == []
    assert nccom_threshold("trn2u.48xlarge", "neuronlink", min_bus_bandwidth_gbs=40.0).impossible_above_gbs is None


def test_a_node_is_judged_without_a_floor() -> None:
    floor = nccom_threshold("trn2.48xlarge", "node")
    assert judge_nccom(of_ranks(64, 1.0), path="node", floor=floor, expected_ranks=64).passed
    assert "bandwidth" in codes(of_ranks(64, float("nan")), floor=floor)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--path", "neuronlink", "--min-bus-bandwidth-gbs", "40"], 0),
        (["--path", "efa", "--instance-type", "trn2.48xlarge", "--min-bus-bandwidth-gbs", "200"], 1),
        (["--path", "neuronlink"], 2),
        (["--path", "nvlink", "--instance-type", "trn2.48xlarge", "--min-bus-bandwidth-gbs", "40"], 2),
        (["--path", "efa", "--min-bus-bandwidth-gbs", "40"], 1),
    ],
    ids=["NeuronLink", "too slow", "no floor", "no NVLink", "not said to be Trainium"],
)
def test_the_command_judges_it_where_nodes_are_trainium(
    options: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text(of_ranks(64, 50.0))
    assert main([str(tmp_path / "log"), "--ranks", "64", *options]) == code
    assert capsys.readouterr()


def test_fails_without_a_floor_and_says_what_to_pass() -> None:
    with pytest.raises(
        UnknownThresholdError, match=r"no floor is published for trn2u.48xlarge over neuronlink.*: pass --min-bus"
    ):
        nccom_threshold("trn2u.48xlarge", "neuronlink")


@pytest.mark.parametrize(("path", "given"), [("nvlink", 40.0), ("efa", 0.0), ("efa", float("inf")), ("efa", -1.0)])
def test_fails_on_a_floor_that_is_none(path: str, given: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        nccom_threshold("trn2.48xlarge", path, min_bus_bandwidth_gbs=given)


PREFIXES = [
    "2026-11-26T07:01:02.123456Z ",
    "[pod/acceptance-trn2u-4-launcher-0-0-x/node] ",
    "[1,0]<stdout>:",
    "launcher | ",
    "\x1b[36mlauncher\x1b[0m | ",
    "Nov 26 07:01:02 ip-10-0-0-1 neuron[17]: ",
    "1732604462 stdout F ",
    "> ",
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_viewers_prefix_changes_nothing(prefix: str) -> None:
    text = "\n".join(prefix + line.strip() for line in TWO_NODES.strip().splitlines())
    assert judge_nccom(text, path="efa", floor=FLOOR, expected_ranks=64).passed
    cut = "\n".join(text.splitlines()[:-1])
    assert codes(cut) == ["truncated"]


@given(st.data())
def test_a_log_that_ends_anywhere_before_its_end_fails(data: st.DataObject) -> None:
    lines = TWO_NODES.strip().splitlines()
    kept = data.draw(st.integers(0, len(lines) - 1))
    assert not judge_nccom("\n".join(lines[:kept]), path="efa", floor=Threshold(1.0, 8, "caller")).passed


@given(st.integers(0, 2**32))
def test_lines_of_other_programs_between_rows_change_nothing(seed: int) -> None:
    chance = random.Random(seed)
    lines = TWO_NODES.strip().splitlines()
    others = [
        "INFO nrt_init",
        "Warning: Permanently added '10.0.0.1' (ED25519) to the list",
        "",
        "neuron-bench: 12 of 40",
        "\x1b[2K-",
    ]
    mixed = [line for own in lines for line in (*chance.sample(others, chance.randint(0, 3)), own)]
    assert judge_nccom("\n".join(mixed), path="efa", floor=FLOOR, expected_ranks=64).passed


@given(st.text(max_size=3000))
def test_any_text_is_judged(text: str) -> None:
    verdict = judge_nccom(text, path="efa", floor=FLOOR)
    assert not verdict.passed


def test_hostile_lines_are_read_in_no_time() -> None:
    text = TWO_NODES + "[" * 100_000 + "\n" + ">1" * 100_000 + "\n" + "{" * 100_000
    assert len(parse_nccom_log(text)) == 1
    assert codes("{" * 200_000) == ["no-results"]


def test_other_logs_are_not_taken_for_it() -> None:
    assert not looks_like_nccom("#       size         count      type   redop     time   algbw   busbw  error")
    assert looks_like_nccom(TWO_NODES)
