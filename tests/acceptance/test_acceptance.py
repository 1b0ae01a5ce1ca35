"""The acceptance parser and verdict, on logs that others have published and on what can be made of them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import ultrafleet
from ultrafleet.acceptance import Threshold, Verdict, judge, parse_nccl_log, threshold
from ultrafleet.cli import app

LOGS = Path(__file__).parent.parent / "data" / "nccl-tests"
P6E = "p6e-gb200.36xlarge"
GIB = 1 << 30
SLOW = Threshold(3.0, GIB, "test")


def text(name: str) -> str:
    return (LOGS / f"{name}.log").read_text()


def codes(verdict: Verdict) -> set[str]:
    return {finding.code for finding in verdict.findings}


GB200 = text("gb200-nvl72-one-rack")
EFA = text("efa-two-t4")
H100 = text("h100-two-nodes-tcpx")


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("gb200-nvl72-one-rack", "nvlink", set()),
        # The same log can't be EFA's: no EFA carries so much.
        ("gb200-nvl72-one-rack", "efa", {"too-fast"}),
        ("efa-two-t4", "nvlink", {"bandwidth", "not-nvlink"}),
        ("efa-two-t4", "efa", {"bandwidth"}),
        ("h100-two-nodes-tcpx", "nvlink", {"bandwidth"}),
        ("h200-eight-one-way", "nvlink", {"bandwidth", "one-host"}),
        ("ofi-tcp-two-v100-cut", "efa", {"no-results", "not-efa"}),
        ("ofi-tcp-two-v100-cut", "nvlink", {"no-results"}),
        ("sockets-two-v100-old", "efa", {"no-results", "not-efa"}),
    ],
)
def test_published_logs_get_the_right_verdict(name: str, path: str, expected: set[str]) -> None:
    verdict = judge(text(name), path=path, floor=threshold(P6E, path))
    assert codes(verdict) == expected
    assert verdict.passed == (not expected)


def test_a_published_rack_is_read_to_the_last_figure() -> None:
    (run,) = parse_nccl_log(GB200).runs
    assert [row.size_bytes for row in run.rows] == [GIB // 2, GIB, 2 * GIB, 4 * GIB, 8 * GIB]
    assert run.rows[0].bus_bandwidths == (586.06, 576.74)
    assert run.average_bus_bandwidth == 745.53
    assert run.out_of_bounds == (0, "OK")
    verdict = judge(GB200, path="nvlink", floor=threshold(P6E, "nvlink"), expected_ranks=72)
    assert verdict.passed
    assert verdict.bus_bandwidth_gbs == 834.57
    assert verdict.ranks == 72


def test_efa_is_told_from_what_nccl_says() -> None:
    log = parse_nccl_log(EFA)
    assert log.nccl_version == "2.12.7+cuda11.4"
    (run,) = log.runs
    assert run.info.providers == {"efa"}
    assert set(run.info.networks) == {"AWS Libfabric"}
    assert run.info.transports == {"NET/AWS Libfabric/0"}
    assert run.hosts == {"test-nccl-efa-worker-0", "test-nccl-efa-worker-1"}
    assert len(run.rows) == 31
    assert judge(EFA, path="efa", floor=SLOW, expected_ranks=2).passed


def test_a_run_in_one_direction_has_one_group_of_columns() -> None:
    (run,) = parse_nccl_log(text("h200-eight-one-way")).runs
    assert [row.bus_bandwidths for row in run.rows] == [(68.66,)]
    assert judge(text("h200-eight-one-way"), path="nvlink", floor=Threshold(60, GIB, "test"), expected_ranks=8).passed


def test_text_around_a_log_does_not_matter() -> None:
    verdict = judge(H100, path="nvlink", floor=Threshold(300, GIB, "test"), expected_ranks=16)
    assert verdict.passed
    assert verdict.bus_bandwidth_gbs == 337.35
    assert "NCCL_DEBUG=INFO" in verdict.notes[0]


SOCKETS = EFA.replace("NET/AWS Libfabric/0", "NET/Socket/0").replace("AWS Libfabric", "Socket")


@pytest.mark.parametrize(
    "log",
    [
        SOCKETS,
        # Only one rank's network is another one.
        EFA.replace("Using network AWS Libfabric", "Using network Socket", 1),
        EFA.replace("Provider is efa", "Provider is tcp;ofi_rxm"),
        EFA.replace("Libfabric", "IB").replace("Selected Provider is efa", "nothing"),
    ],
)
def test_fails_what_is_not_efa_however_fast_it_is(log: str) -> None:
    verdict = judge(log, path="efa", floor=Threshold(0.001, GIB, "test"))
    assert codes(verdict) == {"not-efa"}
    assert "GrdmaPciTopoCheckOverride" in verdict.findings[0].message


def test_sockets_on_one_host_are_no_fault_of_nvlink() -> None:
    one_host = SOCKETS.replace("worker-1", "worker-0")
    assert judge(one_host, path="nvlink", floor=SLOW).passed


@pytest.mark.parametrize("name", ["gb200-nvl72-one-rack", "efa-two-t4", "h100-two-nodes-tcpx"])
def test_fails_every_truncation(name: str) -> None:
    whole = text(name)
    path, floor = ("efa", SLOW) if name == "efa-two-t4" else ("nvlink", Threshold(300, GIB, "test"))
    assert judge(whole, path=path, floor=floor).passed
    end = whole.index("Avg bus bandwidth    : ") + len("Avg bus bandwidth    : ")
    step = max(1, end // 400)
    for cut in [*range(0, end, step), end]:
        assert not judge(whole[:cut], path=path, floor=floor).passed, cut


def test_fails_a_log_whose_last_rows_are_missing() -> None:
    lines = H100.splitlines(keepends=True)
    without = "".join(line for line in lines if not line.lstrip().startswith(("8589934592", "4294967296")))
    assert "truncated" in codes(judge(without, path="nvlink", floor=Threshold(300, GIB, "test")))


def test_fails_wrong_results() -> None:
    one = H100.replace("338.82      0", "338.82      3")
    assert codes(judge(one, path="nvlink", floor=Threshold(300, GIB, "test"))) == {"wrong-results"}
    told = H100.replace("Out of bounds values : 0 OK", "Out of bounds values : 12 FAILED")
    assert codes(judge(told, path="nvlink", floor=Threshold(300, GIB, "test"))) == {"wrong-results"}


def test_fails_ranks_that_are_missing() -> None:
    verdict = judge(H100, path="nvlink", floor=Threshold(300, GIB, "test"), expected_ranks=72)
    assert codes(verdict) == {"ranks"}
    assert "16 ranks took part, expected 72" in verdict.findings[0].message


@pytest.mark.parametrize("figure", ["nan", "-nan", "inf", "0.00"])
def test_fails_figures_that_are_none(figure: str) -> None:
    log = H100.replace("338.82", figure).replace("337.35", figure)
    assert "bandwidth" in codes(judge(log, path="nvlink", floor=Threshold(300, GIB, "test")))


def test_fails_a_run_that_is_too_small() -> None:
    small = "".join(
        line
        for line in H100.replace("maxBytes 8589934592", "maxBytes 536870912").splitlines(keepends=True)
        if not line.lstrip().startswith(("1073741824 ", "2147483648 ", "4294967296 ", "8589934592 "))
    )
    assert codes(judge(small, path="nvlink", floor=Threshold(200, GIB, "test"))) == {"too-small"}


def test_the_slower_way_and_the_slower_run_count() -> None:
    in_place = H100.replace("179.92  337.35", "  6.40   12.00")
    assert judge(in_place, path="nvlink", floor=Threshold(300, GIB, "test")).bus_bandwidth_gbs == 12.0
    two = H100 + H100.replace("180.71  338.82", "  6.40   12.00")
    verdict = judge(two, path="nvlink", floor=Threshold(300, GIB, "test"))
    assert len(parse_nccl_log(two).runs) == 2
    assert (verdict.bus_bandwidth_gbs, codes(verdict)) == (12.0, {"bandwidth"})


@pytest.mark.parametrize("log", ["", "hello", "# nThread 1 nGpus 1 minBytes 8 maxBytes 16 step: 2(factor)"])
def test_fails_what_has_no_results(log: str) -> None:
    assert "no-results" in codes(judge(log, path="nvlink", floor=SLOW))


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400), st.integers(0, len(EFA)))
def test_no_text_raises_and_none_passes_by_chance(noise: str, at: int) -> None:
    assert not judge(noise, path="efa", floor=SLOW).passed
    judge(EFA[:at] + noise + EFA[at:], path="efa", floor=SLOW)


@settings(max_examples=50)
@given(st.sampled_from(["[1,0]<stdout>:", "pod/llama-worker-0 | ", "\x1b[32m", ""]), st.sampled_from(["\n", "\r\n"]))
def test_prefixes_and_line_ends_do_not_matter(prefix: str, newline: str) -> None:
    log = newline.join(prefix + line for line in H100.splitlines())
    assert judge(log, path="nvlink", floor=Threshold(300, GIB, "test")).bus_bandwidth_gbs == 337.35


class TestThresholds:
    def test_nvlink_and_efa_have_their_own(self) -> None:
        assert threshold(P6E, "nvlink").bus_bandwidth_gbs == 500
        assert threshold(P6E, "efa").bus_bandwidth_gbs == 40

    def test_the_caller_s_own_goes_before(self) -> None:
        assert threshold("p5en.48xlarge", "efa", min_bus_bandwidth_gbs=300).bus_bandwidth_gbs == 300

    @pytest.mark.parametrize("instance_type", ["p6-b300.48xlarge", "p5en.48xlarge", "trn2u.48xlarge", None])
    def test_fails_where_nobody_publishes_one(self, instance_type: str | None) -> None:
        with pytest.raises(ValueError, match="pass --min-bus-bandwidth-gbs"):
            threshold(instance_type, "nvlink")

    def test_fails_another_path(self) -> None:
        with pytest.raises(ValueError, match="path is 'ib', expected one of nvlink, efa"):
            threshold(P6E, "ib")

    @pytest.mark.parametrize("floor", [0.0, -1.0, float("nan"), float("inf")])
    def test_fails_a_floor_that_is_none(self, floor: float) -> None:
        with pytest.raises(ValueError, match="expected GB/s above 0"):
            threshold(P6E, "efa", min_bus_bandwidth_gbs=floor)


class TestCommand:
    def run(self, *arguments: str, stdin: str | None = None) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["acceptance", *arguments], input=stdin)
        return result.exit_code, result.output or str(result.exception)

    def test_passes(self) -> None:
        code, output = self.run(str(LOGS / "gb200-nvl72-one-rack.log"), "--path", "nvlink", "--instance-type", P6E)
        assert code == 0
        assert output.startswith("all-reduce over nvlink passed: 834.57 GB/s at 8589934592 bytes")

    def test_fails_with_1_and_says_why(self) -> None:
        code, output = self.run("-", "--path", "efa", "--instance-type", P6E, stdin=EFA)
        assert code == 1
        assert "expected 40.0 or more" in output

    def test_tells_json(self) -> None:
        code, output = self.run(str(LOGS / "efa-two-t4.log"), "--path", "efa", "--min-bus-bandwidth-gbs", "3", "--json")
        assert code == 0
        assert json.loads(output)["bus_bandwidth_gbs"] == 3.11

    def test_fails_unusable_input_as_unusable(self) -> None:
        for arguments in (("nowhere.log", "--path", "efa", "--instance-type", P6E), (str(LOGS), "--path", "ib")):
            code, _ = self.run(*arguments)
            assert code != 0

    def test_runs_in_an_image_that_has_python_and_nothing_else(self, tmp_path: Path) -> None:
        """Without site-packages, and without this library's own dependencies."""
        package = tmp_path / "ultrafleet"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "acceptance").symlink_to(Path(ultrafleet.__file__).parent / "acceptance")
        command = [sys.executable, "-S", "-m", "ultrafleet.acceptance", "-", "--path", "efa"]
        environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin"}
        for floor, expected in (("3", 0), ("4", 1)):
            done = subprocess.run(
                [*command, "--min-bus-bandwidth-gbs", floor],
                input=EFA, text=True, capture_output=True, env=environment, check=False,
            )  # fmt: skip
            assert done.returncode == expected, done.stderr
        refused = subprocess.run(command, input=EFA, text=True, capture_output=True, env=environment, check=False)
        assert refused.returncode == 2
        assert "pass --min-bus-bandwidth-gbs" in refused.stderr


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-12-01T12:00:00.123456789Z ",
        "[2026-12-01 12:00:00,123] ",
        "0: ",
        "12: ",
        "[1,0]<stdout>:",
        "[1,0]<stdout>: ",
        "[pod/rack-a-18-launcher-0-0-x7k2p/node] ",
        "rack-a-18-launcher-0-0-x7k2p/node | ",
        "    ",
        "> ",
        "2026-12-01T12:00:00Z [1,0]<stdout>: ",
    ],
)
def test_what_stands_before_lines_is_passed_over(prefix: str) -> None:
    plain = judge(GB200, path="nvlink", floor=threshold(P6E, "nvlink"))
    lines = "\n".join(prefix + line for line in GB200.splitlines())
    assert judge(lines, path="nvlink", floor=threshold(P6E, "nvlink")) == plain


@pytest.mark.parametrize("name", ["efa", "efa,", "efa*", "efa, fabric is efa-direct (found 32 nics)"])
def test_the_provider_is_told_in_several_ways(name: str) -> None:
    (run,) = parse_nccl_log(f"a:1:1 [0] NCCL INFO NET/OFI Selected provider is {name}\n").runs
    assert run.info.providers == {"efa"}


@pytest.mark.parametrize("network", ["Libfabric", "AWS Libfabric"])
def test_efa_is_known_by_its_older_and_newer_names(network: str) -> None:
    channel = f"Channel 00/0 : 0[0] -> 1[0] [send] via NET/{network}/0"
    info = "".join(f"a:1:1 [0] NCCL INFO {said}\n" for said in (f"Using network {network}", channel))
    assert judge(info + H100, path="efa", floor=SLOW).passed


@pytest.mark.parametrize(
    "change",
    [
        lambda log: f"# Collective test starting: alltoall_perf\n{log}",
        lambda log: log.replace(" sum ", " none "),
    ],
)
def test_another_collective_is_not_judged_by_an_all_reduces_floor(change: Callable[[str], str]) -> None:
    assert codes(judge(change(EFA), path="efa", floor=SLOW)) == {"not-all-reduce"}


def test_digits_that_are_no_numbers_are_passed_over() -> None:
    assert judge(EFA.replace("\n", "\n\u00b2 \u00b2 float\n"), path="efa", floor=SLOW).passed


def test_a_run_that_names_its_collective_is_one_run() -> None:
    named = f"# nccl-tests version 2.17.6\n# Collective test starting: all_reduce_perf\n{EFA}"
    log = parse_nccl_log(named + named)
    assert [run.collective for run in log.runs] == ["all_reduce_perf"] * 2
    assert judge(named, path="efa", floor=SLOW).passed
