"""nvbandwidth's matrices and DCGM's diagnostic: what is slow, what failed, what didn't run; and output of enemies."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.acceptance.diagnostic import failed_tests, why_none_ran
from ultrafleet.acceptance.pairs import ALL_NODES_TEST, parse_pairs, slow_gpus, slow_pairs

SPEEDS = st.floats(780, 820)
"""GB/s of published GB200 matrices (nvbandwidth issues and NVIDIA DRA driver's samples: 797 to 822)."""


def report(matrix: Any, **case: Any) -> str:
    one = {"name": ALL_NODES_TEST, "status": "Passed", "bandwidth_matrix": matrix, **case}
    return json.dumps({"nvbandwidth": {"git_version": "v0.8", "testcases": [one]}})


def even(gpus: int, speed: float) -> list[list[float | None]]:
    return [[None if row == column else speed for column in range(gpus)] for row in range(gpus)]


class TestPairs:
    def test_reads_what_nvbandwidth_writes(self) -> None:
        """Cells are text, and N/A from a GPU to itself (nvbandwidth v0.8, json_output.cpp); mpirun warns before."""
        text = 'mpirun: {"a": 1}\n' + report([["N/A", "797.85"], ["798.02", "N/A"]])
        assert parse_pairs(text, ALL_NODES_TEST).matrix == ((None, 797.85), (798.02, None))

    def test_zeros_of_older_versions_are_no_measurement(self) -> None:
        assert parse_pairs(report([["0.00", "276.07"], ["276.19", "0.00"]]), ALL_NODES_TEST).matrix == (
            (None, 276.07),
            (276.19, None),
        )

    @pytest.mark.parametrize("status", ["Not Found", "Waived"])
    def test_a_test_that_is_not_in_the_build_is_no_fault(self, status: str) -> None:
        found = parse_pairs(report(None, status=status), ALL_NODES_TEST)
        assert found.not_run
        assert found.error is None

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            (report(None, status="Error", error="CUDA_ERROR_NOT_PERMITTED"), "CUDA_ERROR_NOT_PERMITTED"),
            (json.dumps({"nvbandwidth": {"error": "No CUDA devices"}}), "No CUDA devices"),
            ("", "printed no JSON"),
            ("{" * 5000, "printed no JSON"),
            ('{"a":' * 5000, "printed no JSON"),
        ],
    )
    def test_fails_without_results(self, text: str, error: str) -> None:
        assert error in (parse_pairs(text, ALL_NODES_TEST).error or "")

    @given(st.text() | st.dictionaries(st.text(), st.none() | st.integers() | st.lists(st.text())).map(json.dumps))
    def test_any_output_is_read_or_refused(self, text: str) -> None:
        found = parse_pairs(text, ALL_NODES_TEST)
        assert found.error or found.not_run or isinstance(found.matrix, tuple)

    @given(st.recursive(st.none() | st.text() | st.floats(), lambda inner: st.lists(inner, max_size=4), max_leaves=30))
    def test_any_matrix_is_read_or_refused(self, matrix: Any) -> None:
        found = parse_pairs(report(matrix), ALL_NODES_TEST)
        slow_gpus(found.matrix)
        slow_pairs(found.matrix)

    @given(
        st.integers(2, 16).flatmap(lambda n: st.lists(st.lists(SPEEDS, min_size=n, max_size=n), min_size=n, max_size=n))
    )
    def test_what_published_matrices_differ_by_is_not_slow(self, matrix: list[list[float]]) -> None:
        assert slow_gpus(matrix) == {}
        assert slow_pairs(matrix) == {}

    @given(st.integers(3, 24).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))), st.floats(1, 719))
    def test_a_slow_gpu_is_named_and_no_other(self, which: tuple[int, int], speed: float) -> None:
        gpus, slow = which
        matrix = even(gpus, 800.0)
        for other in range(gpus):
            if other != slow:
                matrix[slow][other] = matrix[other][slow] = speed
        assert slow_gpus(matrix) == {slow: speed}
        assert slow_pairs(matrix) == {}

    @given(st.integers(5, 24).flatmap(lambda n: st.tuples(st.just(n), st.permutations(range(n)))))
    def test_a_slow_pair_of_good_gpus_is_named(self, which: tuple[int, list[int]]) -> None:
        gpus, (row, column, *_) = which
        matrix = even(gpus, 800.0)
        matrix[row][column] = 100.0
        assert slow_gpus(matrix) == {}
        assert slow_pairs(matrix) == {(row, column): 100.0}


def diagnostic(*tests: dict[str, Any], **more: Any) -> str:
    return json.dumps(
        {"DCGM Diagnostic": {"test_categories": [{"category": "Hardware", "tests": list(tests)}], **more}}
    )


PASSED = {"name": "pcie", "results": [{"entity_group": "GPU", "entity_id": 0, "status": "Pass"}]}
FAILED = {
    "name": "memory",
    "results": [
        {"entity_group": "GPU", "entity_id": 3, "status": "Fail", "warnings": [{"warning": "row remap failed"}]},
        {"entity_group": "GPU", "entity_id": 0, "status": "Skip"},
    ],
}


class TestDiagnostic:
    def test_all_passed(self) -> None:
        assert failed_tests(diagnostic(PASSED)) == []

    def test_fails_with_the_gpu_and_dcgm_s_own_words(self) -> None:
        assert failed_tests("a warning\n" + diagnostic(PASSED, FAILED)) == ["memory failed on GPU 3: row remap failed"]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (json.dumps({"DCGM Diagnostic": {"runtime_error": "Error: not\n permitted"}}), "Error: not permitted"),
            ("bash: dcgmi: not found\n", "bash: dcgmi: not found"),
            ("", "nothing"),
            ('{"a":' * 5000, '{"a":'),
        ],
    )
    def test_none_ran(self, text: str, why: str) -> None:
        assert failed_tests(text) is None
        assert why_none_ran(text).startswith(why)

    @given(st.text() | st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(["DCGM Diagnostic", "test_categories", "tests", "results", "status", "warnings"]), inner
        ), max_leaves=20,
    ).map(json.dumps))  # fmt: skip
    def test_any_output_is_read_or_refused(self, text: str) -> None:
        failed_tests(text)
        assert len(why_none_ran(text)) <= 300
