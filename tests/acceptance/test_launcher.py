"""The launcher of an acceptance run, with stand-ins for ssh, mpirun, nvbandwidth and DCGM."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from helpers.acceptance_programs import Programs
from ultrafleet.acceptance import launcher, mpi, run
from ultrafleet.acceptance.launcher import Launcher
from ultrafleet.acceptance.plan import Part, Plan
from ultrafleet.acceptance.report import result_name, write_result

FIRST, SECOND, *_ = HOSTS = Programs(Path()).workers
SLOW = {"findings": [{"code": "bandwidth", "message": "12 GB/s, expected 500 or more"}], "gbs": 12.0}


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture
def two(tmp_path: Path) -> Programs:
    """Programs of two workers, which is enough where none is left out."""
    return Programs(tmp_path, workers=HOSTS[:2])


def _quiet(*arguments: object) -> None:
    del arguments


def result_of(programs: Programs, **changed: Any) -> dict[str, Any]:
    programs.write()
    return Launcher(programs.plan(**changed), say=_quiet).result()


def codes(part: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in part["findings"]]


def failing(result: dict[str, Any]) -> dict[str, list[str]]:
    return {name: codes(part) for name, part in result["nodes"].items() if not part["passed"]}


class TestOrder:
    def test_each_node_alone_then_pairs_then_nvlink_then_efa(self, two: Programs) -> None:
        result = result_of(two)
        assert failing(result) == {}
        assert result["rack"]["passed"]
        assert result["rack"]["bus_bandwidth_gbs"] == {"nvlink": 800.0, "efa": 800.0}
        assert result["run"] == "rack-a-1"
        steps = [Path(call["--hostfile"]).stem for call in two.calls()]
        assert steps[-3:] == ["pairs", "nvlink", "efa"]
        assert sorted(steps[:-3]) == sorted(
            [f"{step}-node-{host}" for step in ("node", "pairs") for host in two.workers]
        )

    def test_ranks_of_all_nodes_in_the_environment_of_each_path(self, two: Programs) -> None:
        result_of(two)
        *_, nvlink, efa = two.calls()
        for call, mnnvl in ((nvlink, "1"), (efa, "0")):
            assert call["ranks"] == 8
            assert call["hosts"] == list(two.workers)
            assert call["--map-by"] == "ppr:4:node"
            assert {"PATH", "LD_LIBRARY_PATH"} <= set(call["exported"])
            assert call["exported"]["NCCL_MNNVL_ENABLE"] == mnnvl
            assert call["exported"]["NCCL_NVLS_ENABLE"] == mnnvl
            assert call["exported"]["FI_PROVIDER"] == "efa"
            assert call["command"][0] == "/opt/nccl-tests/build/all_reduce_perf"

    def test_nodes_on_roce_never_get_the_environment_of_efa(self, two: Programs) -> None:
        result = result_of(two, paths=("nvlink", "roce"))
        assert result["rack"]["bus_bandwidth_gbs"] == {"nvlink": 800.0, "roce": 800.0}
        for call in two.calls():
            if "NCCL_DEBUG" in call["exported"]:
                assert call["exported"]["NCCL_IB_HCA"] == "rocep"
                assert (call["exported"]["NCCL_NET_PLUGIN"], call["exported"]["NCCL_SOCKET_IFNAME"]) == ("none", "eth0")
                assert not any(name.startswith("FI_") for name in call["exported"])

    def test_the_key_is_readable_by_its_owner_alone(self, two: Programs) -> None:
        """Kubeflow Trainer mounts it with mode 0640, which ssh refuses of root."""
        result_of(two)
        assert (two.folder / "logs" / "id_rsa").stat().st_mode & 0o777 == 0o600

    def test_a_floor_of_the_caller_reaches_the_judge(self, two: Programs) -> None:
        result = result_of(two, floors={"efa": 300.0})
        assert "over efa: floor 300" in result["rack"]["notes"]
        assert "over nvlink: floor published" in result["rack"]["notes"]

    def test_single_instances_have_no_pairs_between_nodes(self, two: Programs) -> None:
        result_of(two, paths=("efa",))
        assert "pairs" not in [Path(call["--hostfile"]).stem for call in two.calls()]


class TestBadNode:
    """A bad node is named, and the rest is tested without it."""

    @pytest.mark.parametrize(
        ("does", "found"),
        [
            ({"unreachable": True}, ["unreachable"]),
            ({"dcgm": json.dumps({"DCGM Diagnostic": {"test_categories": [{"tests": [
                {"name": "memory", "results": [{"entity_group": "GPU", "entity_id": 2, "status": "Fail",
                                                "warnings": [{"warning": "row remap failed"}]}]}]}]}})}, ["dcgm"]),
            ({"codes": {"node": 7}}, ["mpirun"]),
            ({"codes": {"pairs-of-one": 1}}, ["nvbandwidth"]),
        ],
    )  # fmt: skip
    def test_is_left_out(self, programs: Programs, does: dict[str, Any], found: list[str]) -> None:
        programs.hosts[SECOND] = does
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(launcher.SECONDS, "ask", 0)
            patch.setattr(launcher.time, "sleep", _quiet)
            result = result_of(programs)
        assert failing(result) == {f"node-{SECOND}": found}
        assert result["rack"]["passed"]
        assert [call["hosts"] for call in programs.calls()[-2:]] == [[host for host in HOSTS if host != SECOND]] * 2
        assert programs.calls()[-1]["ranks"] == 8

    def test_by_a_log_that_does_not_pass(self, programs: Programs) -> None:
        programs.hosts[SECOND] = {"node": SLOW}
        result = result_of(programs)
        assert failing(result) == {f"node-{SECOND}": ["bandwidth", "slow-node"]}
        (finding, _) = result["nodes"][f"node-{SECOND}"]["findings"]
        assert finding["message"] == "over node: 12 GB/s, expected 500 or more"

    def test_that_took_too_long(self, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(launcher.SECONDS, "node", 1)
        programs.hosts[SECOND] = {"hangs": ["node"]}
        result = result_of(programs)
        assert f"node-{SECOND}" in failing(result)
        (finding,) = [item for item in result["nodes"][f"node-{SECOND}"]["findings"] if item["code"] == "mpirun"]
        assert "took too long and was ended" in finding["message"]
        assert programs.calls()[-1]["ranks"] == 8

    def test_slower_than_the_others_in_itself(self) -> None:
        parts = {name: Part(bandwidths={"node": gbs}) for name, gbs in zip("abcd", (700, 690, 705, 600), strict=True)}
        launcher._compare(parts)
        assert {name: codes(part.as_json()) for name, part in parts.items()} == {
            "a": [], "b": [], "c": [], "d": ["slow-node"]
        }  # fmt: skip

    def test_two_nodes_are_not_compared(self) -> None:
        parts = {name: Part(bandwidths={"node": gbs}) for name, gbs in zip("ab", (700, 60), strict=True)}
        launcher._compare(parts)
        assert all(part.passed for part in parts.values())

    def test_whose_gpu_is_slow_over_nvlink(self, programs: Programs) -> None:
        matrix = [
            ["N/A" if row == column else "400.1" if 5 in (row, column) else "798.0" for column in range(12)]
            for row in range(12)
        ]
        case = {"name": "multinode_device_to_device_memcpy_read_ce", "status": "Passed", "bandwidth_matrix": matrix}
        programs.default = {"pairs": {"testcases": [case]}}
        result = result_of(programs)
        assert failing(result) == {f"node-{SECOND}": ["slow-gpu"]}
        (finding,) = result["nodes"][f"node-{SECOND}"]["findings"]
        assert finding["message"].startswith("GPU 1 reads and is read over NVLink at 400.1 GB/s")
        assert programs.calls()[-1]["ranks"] == 8

    def test_of_all_nodes_leaves_nothing_to_test_together(self, programs: Programs) -> None:
        programs.default = {"codes": {"node": 1}}
        result = result_of(programs)
        assert len(failing(result)) == 3
        assert result["rack"]["notes"] == [
            "0 good nodes: nothing between nodes was tested over nvlink",
            "0 good nodes: nothing between nodes was tested over efa",
        ]

    @pytest.mark.parametrize("name", [f"node-{FIRST}", "node-of-another-run", "../../etc/passwd", "", "a b\nc"])
    def test_that_gives_another_name_is_not_believed(self, programs: Programs, name: str) -> None:
        """Two workers with one name would hide a bad node behind a good one."""
        programs.hosts[SECOND] = {"name": name}
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(launcher.SECONDS, "ask", 0)
            patch.setattr(launcher.time, "sleep", _quiet)
            result = result_of(programs)
        assert failing(result) == {f"node-{SECOND}": ["unreachable"]}
        assert programs.calls()[-1]["ranks"] == 8

    def test_that_no_worker_answers_from(self, programs: Programs) -> None:
        result = result_of(programs, nodes=[*(f"node-{host}" for host in HOSTS), "node-gone"])
        assert failing(result) == {"node-gone": ["unreachable"]}


class TestRack:
    """A test of all good nodes together that fails is the rack's, and no node's."""

    def test_fails_for_a_log_that_does_not_pass(self, two: Programs) -> None:
        two.default = {"efa": {"findings": [{"code": "not-efa", "message": "NCCL fell back to sockets"}]}}
        result = result_of(two)
        assert codes(result["rack"]) == ["not-efa"]
        assert failing(result) == {}

    def test_fails_for_one_node_that_is_then_named(self, programs: Programs) -> None:
        """Its own test is good: only between nodes it is at fault."""
        programs.workers = [f"run-node-0-{number}.run" for number in range(4)]
        programs.hosts = {"run-node-0-2.run": {"spoils": ["efa"]}}
        result = result_of(programs)
        assert failing(result) == {"node-run-node-0-2.run": ["pair"]}
        assert result["rack"]["passed"]
        assert programs.calls()[-1]["ranks"] == 12
        assert "run-node-0-2.run" not in programs.calls()[-1]["hosts"]
        assert [call["ranks"] for call in programs.calls() if Path(call["--hostfile"]).stem == "nvlink"] == [16]

    def test_late_in_a_run_nothing_is_searched_for(self, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(launcher, "SEARCH_BEFORE_SECONDS", 0)
        programs.hosts = {SECOND: {"spoils": ["efa"]}}
        result = result_of(programs)
        assert codes(result["rack"]) == ["bandwidth"]
        assert failing(result) == {}

    def test_fails_for_mpirun_though_the_log_looks_good(self, two: Programs) -> None:
        two.default = {"codes": {"nvlink": 1}}
        result = result_of(two)
        assert codes(result["rack"]) == ["mpirun"]
        assert "mpirun ended with 1, expected 0" in result["rack"]["findings"][0]["message"]

    def test_fails_without_a_verdict(self, two: Programs) -> None:
        two.default = {"nvlink": {"garbage": True}}
        assert codes(result_of(two)["rack"]) == ["no-verdict"]

    def test_fails_for_a_slow_pair_whose_gpus_are_good(self, two: Programs) -> None:
        matrix = [["798.0" if row != column else "N/A" for column in range(8)] for row in range(8)]
        matrix[2][7] = "90.5"
        case = {"name": "multinode_device_to_device_memcpy_read_ce", "status": "Passed", "bandwidth_matrix": matrix}
        two.default = {"pairs": {"testcases": [case]}}
        result = result_of(two)
        assert codes(result["rack"]) == ["slow-pair"]
        assert "rank 2 reads rank 7" in result["rack"]["findings"][0]["message"]

    def test_notes_what_the_image_lacks(self, two: Programs) -> None:
        result = result_of(two, nvbandwidth="/nowhere/nvbandwidth", dcgmi="/nowhere/dcgmi")
        assert failing(result) == {}
        assert result["nodes"][f"node-{FIRST}"]["notes"][1:] == [
            "the image has no nvbandwidth: no pair of GPUs was measured",
            "the image has no DCGM: no diagnostic ran",
        ]

    def test_notes_a_diagnostic_that_may_not_run(self, two: Programs) -> None:
        two.default = {"dcgm": json.dumps({"DCGM Diagnostic": {"runtime_error": "Error: not permitted"}})}
        result = result_of(two)
        assert failing(result) == {}
        assert "DCGM's diagnostic didn't run: Error: not permitted" in result["nodes"][f"node-{FIRST}"]["notes"]

    def test_fails_without_any_worker(self, programs: Programs) -> None:
        programs.workers = ()
        assert codes(result_of(programs)["rack"]) == ["unreachable"]

    def test_a_result_of_many_findings_stays_small(self) -> None:
        part = Part(notes=["n" * 9999] * 99)
        for _ in range(999):
            part.fail("code", "m" * 9999)
        assert len(json.dumps(part.as_json())) < 6000


class TestJudge:
    """The library's own judge, on published logs."""

    LOGS = Path(__file__).parents[1] / "data" / "nccl-tests"

    def part(self, two: Programs, log: str, path: str, ranks: int, code: int | None = 0) -> Part:
        two.write()
        plan = two.plan(judge=Plan.judge, floors={"efa": 3.0})
        copy = two.folder / "step.log"
        copy.write_bytes((self.LOGS / log).read_bytes())
        part = Part()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(Path(launcher.__file__).parents[2]))
            Launcher(plan, say=_quiet)._judge(mpi.Outcome(code, copy), path, ranks, part)
        return part

    def test_passes_a_rack(self, two: Programs) -> None:
        part = self.part(two, "gb200-nvl72-one-rack.log", "nvlink", 72)
        assert part.findings == []
        assert part.bandwidths == {"nvlink": 834.57}

    def test_passes_two_nodes_over_efa_by_a_floor_of_the_caller_s(self, two: Programs) -> None:
        assert self.part(two, "efa-two-t4.log", "efa", 2).bandwidths == {"efa": 3.11}

    def test_fails_a_rack_without_all_of_its_accelerators(self, two: Programs) -> None:
        assert "ranks" in codes(self.part(two, "gb200-nvl72-one-rack.log", "nvlink", 68).as_json())

    def test_fails_a_good_log_of_an_mpirun_that_was_ended(self, two: Programs) -> None:
        part = self.part(two, "gb200-nvl72-one-rack.log", "nvlink", 72, code=None)
        assert codes(part.as_json()) == ["mpirun"]


class TestOutput:
    def test_is_kept_in_part_and_never_blocks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mpi, "_MOST_BYTES", 100)
        done = mpi.execute(
            ["sh", "-c", "yes | head -c 1000000"], log=tmp_path / "l", seconds=60, environment={"PATH": "/usr/bin:/bin"}
        )
        assert done.code == 0
        assert len(done.text()) == 100

    def test_of_a_program_that_is_not_there(self, tmp_path: Path) -> None:
        done = mpi.execute(["/nowhere/mpirun"], log=tmp_path / "l", seconds=60, environment={})
        assert done.failure == "ended with 127"
        assert "/nowhere/mpirun" in done.text()


class Api(BaseHTTPRequestHandler):
    """The cluster's API, as far as a launcher uses it."""

    seen: list[tuple[str, str, dict[str, Any]]] = []  # noqa: RUF012 - of one test
    answer = 201

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.answer)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: Any) -> None:
        del arguments


class TestReport:
    @pytest.fixture
    def account(self, tmp_path: Path) -> Path:
        (tmp_path / "namespace").write_text("acceptance\n")
        (tmp_path / "token").write_text("t0k3n")
        return tmp_path

    @pytest.fixture
    def address(self) -> Iterator[str]:
        Api.seen.clear()
        Api.answer = 201
        server = HTTPServer(("127.0.0.1", 0), Api)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

    def test_is_a_config_map_of_the_run(self, account: Path, address: str) -> None:
        write_result({"run": "rack-a-1", "nodes": {}}, run="rack-a-1", account=account, address=address)
        ((path, authorization, body),) = Api.seen
        assert path == "/api/v1/namespaces/acceptance/configmaps"
        assert authorization == "Bearer t0k3n"
        assert body["metadata"]["name"] == result_name("rack-a-1") == "result-rack-a-1"
        assert json.loads(body["data"]["result.json"]) == {"run": "rack-a-1", "nodes": {}}

    @pytest.mark.parametrize("answer", [403, 500])
    def test_fails_where_the_api_refuses(self, account: Path, address: str, answer: int) -> None:
        Api.answer = answer
        with pytest.raises(OSError, match=f"the API answered {answer}"):
            write_result({}, run="r", account=account, address=address)

    def test_fails_where_an_earlier_result_is_there(self, account: Path, address: str) -> None:
        Api.answer = 409
        with pytest.raises(FileExistsError, match="result-r of an earlier run is there: delete it"):
            write_result({}, run="r", account=account, address=address)

    def test_fails_outside_of_a_cluster(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="namespace"):
            write_result({}, run="r", account=tmp_path)


class TestCommand:
    ARGUMENTS = ("--run", "rack-a-1", "--nodes", "a,b", "--instance-type", "p6e-gb200.36xlarge", "--gpus", "4",
                 "--paths", "nvlink,efa", "--floor=efa=300")  # fmt: skip

    @pytest.mark.parametrize(("default", "code"), [({}, 0), ({"codes": {"efa": 1}}, 1), ({"codes": {"node": 1}}, 1)])
    def test_ends_with_0_only_if_all_passes(
        self, two: Programs, monkeypatch: pytest.MonkeyPatch, default: dict[str, Any], code: int
    ) -> None:
        two.default = default
        two.write()
        written: list[dict[str, Any]] = []
        plans: list[Plan] = []

        def planned(**given: Any) -> Plan:
            plans.append(Plan(**given))
            return replace(two.plan(), run=given["run"], floors=given["floors"])

        monkeypatch.setattr(run, "Plan", planned)
        monkeypatch.setattr(run, "write_result", lambda result, **_: written.append(result))
        assert run.main(self.ARGUMENTS) == code
        assert written[0]["run"] == "rack-a-1"
        assert (plans[0].nodes, plans[0].paths, plans[0].floors) == (["a", "b"], ["nvlink", "efa"], {"efa": 300.0})
        assert plans[0].cluster.gpus == 4

    def test_an_earlier_result_changes_nothing_about_how_it_ends(
        self, two: Programs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def there(*arguments: object, **options: object) -> None:
            del arguments, options
            raise FileExistsError("ConfigMap result-rack-a-1 of an earlier run is there: delete it")

        two.write()
        monkeypatch.setattr(run, "Plan", lambda **given: two.plan(run=given["run"]))
        monkeypatch.setattr(run, "write_result", there)
        assert run.main(self.ARGUMENTS) == 0
        assert "delete it; this run's result is the line above" in capsys.readouterr().err

    def test_ends_with_2_where_nothing_can_be_tested(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run.main(self.ARGUMENTS) == 2
        assert "error:" in capsys.readouterr().err
