"""Properties of the judge: no prefix, order or cut changes a verdict, no truncation passes, no input is too much."""

import io
import json
import random
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from helpers.nccl_logs import GIB, MIB, Job, channels, communicator, document, lines, network, prefixed, said, text
from ultrafleet.acceptance import Threshold, Verdict, judge, parse_nccl_log, threshold
from ultrafleet.acceptance.lines import DOCUMENT_BYTES

P6E = "p6e-gb200.36xlarge"
SMALL = Job(nodes=3, gpus=2, device="NVIDIA GB200", peak=830.0, min_bytes=256 * MIB, max_bytes=2 * GIB)
NCCL = [*network(SMALL, nics=4), *communicator(SMALL, mnnvl=1), *channels(SMALL, "P2P/MNNVL", "P2P/MNNVL")]
RACK = replace(SMALL, info=NCCL)
PLAIN = text(RACK)


def verdict(log: str | bytes) -> Verdict:
    stream = io.BytesIO(log if isinstance(log, bytes) else log.encode("utf-8", "replace"))
    return judge(stream, path="nvlink", floor=threshold(P6E, "nvlink"), expected_ranks=SMALL.ranks)


GOOD = verdict(PLAIN)
WORDS = st.text(alphabet=st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1, max_size=24)
"""Words of a prefix: what a viewer can print, apart from a mark of comment, which begins nccl-tests' own lines."""


def test_the_log_itself_passes() -> None:
    assert GOOD.passed
    assert GOOD.ranks == 6


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=5), st.sampled_from([" ", " | ", ": ", "\t"]), st.booleans())
def test_any_prefix_changes_nothing(words: list[str], after: str, is_timed: bool) -> None:
    prefix = " ".join(words) + after
    assume("NCCL " not in prefix)
    log = prefixed(PLAIN, lambda at: f"2026-11-01T10:00:{at % 60:02d}.{at:06d}Z {prefix}" if is_timed else prefix)
    assert verdict(log) == GOOD


def cut(log: str, places: list[tuple[int, int]], said: Sequence[str] = NCCL) -> str:
    """A log into which lines of NCCL's are put, at places after the head of its table."""
    begin = log.index("(us)")
    chosen = {begin + place % (len(log) - begin): which for place, which in places}
    for at, which in sorted(chosen.items(), reverse=True):
        log = f"{log[:at]}{said[which % len(said)]}\n{log[at:]}"
    return log


WARNING = f"\n{said(SMALL, 3, 'Could not find real path of /sys/class', level='WARN', where='graph/xml.cc:389 ')}"
"""A warning, which NCCL begins with the end of a line."""


PLACES = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 1 << 16)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(PLACES)
@example([(1402, 0), (3996, 0)])  # a row cut within "sum", twice
def test_lines_of_nccl_s_in_rows_change_nothing(places: list[tuple[int, int]]) -> None:
    assert verdict(cut(PLAIN, places)) == GOOD


@settings(max_examples=150, deadline=None)
@given(PLACES, st.sampled_from(["launcher-0-0: ", "[1,0]<stdout>:", "pod/x node ", "[0] "]))
def test_nor_with_a_viewer_s_prefix(places: list[tuple[int, int]], prefix: str) -> None:
    assert verdict(prefixed(cut(PLAIN, places), prefix)) == GOOD


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 1)), max_size=2),
    st.sampled_from(["", "launcher-0-0: ", "[1,0]<stdout>:", "2026-11-01T10:00:00.1Z stdout F "]),
)
@example([(29, 0)], "")  # a row cut within its size
@example([(900, 0)], "")  # the average cut within its name
def test_nor_do_its_warnings_which_begin_with_the_end_of_a_line(places: list[tuple[int, int]], prefix: str) -> None:
    log = cut(PLAIN, places, [WARNING, NCCL[0]])
    found = verdict(prefixed(log, prefix) if prefix else log)
    assert (found.findings, found.bus_bandwidth_gbs) == ((), GOOD.bus_bandwidth_gbs)
    slow = verdict(prefixed(cut(text(replace(RACK, peak=480.0)), places, [WARNING, NCCL[0]]), prefix))
    assert not slow.passed


@settings(max_examples=150, deadline=None)
@given(PLACES)
def test_nor_do_they_hide_what_is_slow(places: list[tuple[int, int]]) -> None:
    slow = text(replace(RACK, peak=480.0))
    assert verdict(cut(slow, places)) == verdict(slow)
    assert not verdict(slow).passed


@pytest.mark.parametrize(
    "log",
    [
        PLAIN,
        text(replace(RACK, cycles=3)),
        text(replace(RACK, operations=("sum", "prod"))),
        text(replace(RACK, version=(2, 16, 9))),
        text(replace(RACK, timestamps=True, per_iteration=True)),
        prefixed(PLAIN, "launcher: "),
        cut(PLAIN, [(place * 97, place) for place in range(12)]),
    ],
    ids=["plain", "cycles", "operations", "old", "columns", "prefixed", "cut"],
)
def test_no_truncation_passes(log: str) -> None:
    """The average is the last line that tells anything; after it the log is whole."""
    assert verdict(log).passed
    whole = log.splitlines(keepends=True)
    (end,) = [at for at, line in enumerate(whole) if "213.417" in line]
    for at in range(len(whole)):
        assert verdict("".join(whole[:at])).passed == (at > end), at


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 20))
def test_no_truncation_of_json_passes(place: int) -> None:
    whole = document(SMALL)
    assert verdict(whole).passed
    assert not verdict(whole[: place % len(whole)]).passed


@settings(max_examples=60, deadline=None)
@given(st.permutations(["sum", "prod", "max", "min"]), st.integers(1, 3), st.integers(0, 3), st.integers(0, 2))
def test_the_slowest_counts_in_any_order(operations: list[str], cycles: int, slow: int, cycle: int) -> None:
    job = replace(SMALL, operations=operations, cycles=cycles)
    assert verdict(text(job)).passed

    def peak(at: int, operation: str) -> float:
        return 123.0 if (operation, at) == (operations[slow], cycle % cycles) else 830.0

    found = verdict(text(replace(job, peak=peak)))
    assert not found.passed
    assert found.bus_bandwidth_gbs == pytest.approx(122.88, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 600), st.integers(1, 40), st.floats(20, 900))
def test_ranks_are_known_by_their_figures(gpus: int, nodes: int, peak: float) -> None:
    """Figures of any all-reduce agree with its ranks, and those of no other number that is far off."""
    job = Job(nodes=1, gpus=gpus, peak=peak, min_bytes=2 * GIB, max_bytes=2 * GIB)
    log = "\n".join(line for line in lines(job) if "Rank" not in line)
    floor = Threshold(1.0, GIB, "test")
    assert judge(log, path="nvlink", floor=floor, expected_ranks=gpus).passed
    other = gpus * (nodes + 1)
    if gpus < 60 and peak > 100:
        assert not judge(log, path="nvlink", floor=floor, expected_ranks=other).passed


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([(2, 19, 6), (2, 16, 9), (2, 9, 0)]), st.integers(2, 64), st.floats(50, 900))
@pytest.mark.parametrize("collective", ["reduce_scatter", "all_gather", "alltoall", "sendrecv", "broadcast", "reduce"])
def test_no_other_collective_passes(collective: str, version: tuple[int, int, int], gpus: int, peak: float) -> None:
    job = Job(nodes=2, gpus=gpus, peak=peak, min_bytes=GIB, max_bytes=GIB, collective=collective, version=version)
    found = judge(text(job), path="nvlink", floor=Threshold(1.0, GIB, "test"))
    assert "not-all-reduce" in {finding.code for finding in found.findings}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600), st.integers(0, len(PLAIN)))
def test_no_bytes_raise_and_none_pass_by_chance(noise: bytes, at: int) -> None:
    assert not verdict(noise).passed
    verdict(PLAIN[:at].encode() + noise + PLAIN[at:].encode())


KEYS = (
    *("results", "config", "devices", "size", "count", "type", "redop", "root", "out_of_place", "in_place", "time"),
    *("alg_bw", "bus_bw", "nwrong", "log", "message", "out_of_bounds", "average_bus_bandwidth", "bandwidth", "okay"),
    *("errors", "args", "rank", "ngpus", "field", "value"),
)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=6,
            )
        ),
        max_leaves=40,
    ),
)
def test_no_document_raises_and_none_passes_by_chance(value: object) -> None:
    assert not verdict(json.dumps(value)).passed
    assert not verdict(json.dumps({"results": [value], "config": {"devices": [value]}, "args": [value]})).passed


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_spoilt_document_raises_nothing(data: st.DataObject) -> None:
    made = json.loads(document(SMALL))
    places = [(made, key) for key in made]
    places += [(made["config"], key) for key in made["config"]]
    places += [(item, key) for item in made["results"][:1] for key in item]
    places += [(item["out_of_place"], key) for item in made["results"][:1] for key in item["out_of_place"]]
    where, key = data.draw(st.sampled_from(places))
    where[key] = data.draw(st.sampled_from([None, 1, -1, 1e400, "x", [], {}, [[]], [None], 10**400, True, "nan"]))
    verdict(json.dumps(made))


HOSTILE = {
    "one line": b"a",
    "one line of figures": b"8388608 2097152 float ",
    "one line of digits": b"1",
    "one line of blanks": b" ",
    "one line of escapes": b"\x1b[",
    "open escapes": b"\x1b]",
    "one line of NCCL": b"NCCL INFO ",
    "one line of processes": b"node-0:1:1 [0] ",
    "lines of NCCL": b"node-0:1:1 [0] NCCL INFO Channel 00/0 : 0[0] -> 1[1] via P2P/MNNVL\n",
    "lines of marks": b"####################\n",
    "open lists": b"[",
    "open objects": b'{"a":',
    "lists": b"[],",
    "rows": b" 8388608 2097152 float sum -1 1.0 1.0 1.0 0 1.0 1.0 1.0 0\n",
    "cut rows": b" 8388608 2097152 float sum -1 1.0\n",
    "ranks": b"#  Rank  0 Group  0 Pid 1 on a device 0 [0000:01:00] x\n",
    "heads": b"# nThread 1 nGpus 1 minBytes 8 maxBytes 8 step: 2(factor)\n#  Rank 0 Pid 1 on a device 0\n",
    "NUL": b"\x00",
    "colons": b":1",
    "open document": b'{"version":3,"config":{},"results":[',
}
"""Repeated without end, what tries a reader's patience."""


class Stream:
    """A stream of a unit that is repeated, made while it is read."""

    def __init__(self, unit: bytes, size: int) -> None:
        self._part, self._left, self.largest_read = unit * (4096 // len(unit) + 1), size, 0

    def read(self, size: int, /) -> bytes:
        self.largest_read = max(self.largest_read, size)
        given = self._part * (min(size, self._left) // len(self._part) + 1)
        given = given[: min(size, self._left)]
        self._left -= len(given)
        return given


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_what_has_no_end_is_refused(unit: bytes) -> None:
    assert not judge(Stream(unit, 1 << 20), path="nvlink", floor=threshold(P6E, "nvlink")).passed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one line", "one line of figures", "open objects", "NUL", "colons", "open document"])
def test_fifty_megabytes_of_one_line_take_bounded_memory(name: str) -> None:
    stream = Stream(HOSTILE[name], 50 << 20)
    tracemalloc.start()
    try:
        assert not judge(stream, path="nvlink", floor=threshold(P6E, "nvlink")).passed
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stream.largest_read == DOCUMENT_BYTES + 1
    assert peak < 12 * DOCUMENT_BYTES


def test_a_long_line_before_a_table_is_passed_over() -> None:
    assert verdict("x" * (3 << 20) + "\n" + PLAIN) == GOOD
    assert verdict(PLAIN.replace("# Using devices", "# Using devices" + "y" * 200_000)) == GOOD


def test_random_bytes_between_lines_change_nothing_but_what_they_hide() -> None:
    generator = random.Random(7)
    noise = [generator.randbytes(80).replace(b"\n", b"").replace(b"\r", b"") for _ in range(40)]
    parts = [line.encode() for line in PLAIN.splitlines()]
    for at, item in enumerate(noise):
        parts.insert(generator.randrange(len(parts)), b"~" + item.hex().encode() if at % 2 else b"~" + item)
    assert verdict(b"\n".join(parts)).passed
    assert len(parse_nccl_log(PLAIN).runs) == 1


def test_nccl_s_statements_after_the_end_are_the_next_run_s() -> None:
    bad = said(SMALL, 0, "NCCL_MNNVL_ENABLE set by environment to 0.")
    first, second = text(SMALL), text(SMALL)
    found = verdict(f"{first}{bad}\n{second}")
    assert [finding.message[:11] for finding in found.findings] == ["run 2 of 2:"]
