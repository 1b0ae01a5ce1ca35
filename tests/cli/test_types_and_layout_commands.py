"""`ultrafleet types` and `ultrafleet layout`, as other programs call them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.command import COMMAND, run
from ultrafleet.catalog import InstanceType, UltraServerType


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The single line of the error."""
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    if "--json" in result.args:
        return str(json.loads(line)["error"]["message"])
    assert line.startswith("error: ")
    return line


class TestTypes:
    def test_names_every_type_in_full(self) -> None:
        result = run("types")
        assert result.returncode == 0
        for item in InstanceType.all():
            assert str(item) in result.stdout
        assert "u-p6e-gb200x72" in result.stdout
        assert "…" not in result.stdout
        lines = result.stdout.splitlines()
        assert max(map(len, lines)) <= 155
        # A cell that wraps would give a line without a type.
        tables = [line.split("  ")[0].strip() for line in lines if line.startswith(" ") and line.strip(" ─")]
        entries = [*InstanceType.all(), *UltraServerType.all()]
        assert tables == ["type", *map(str, InstanceType.all()), "type", *map(str, UltraServerType.all())]
        assert len(tables) == 2 + len(entries)

    def test_is_not_narrower_in_a_narrow_terminal(self) -> None:
        narrow = run("types", environment={"COLUMNS": "40"})
        assert narrow.returncode == 0
        assert narrow.stdout == run("types").stdout

    def test_json_has_every_fact_with_its_source(self) -> None:
        content = json.loads(run("types", "--json").stdout)
        (gb200,) = [item for item in content["instance_types"] if item["name"] == "p6e-gb200.36xlarge"]
        assert gb200["facts"]["vcpus"]["value"] == 144
        assert gb200["facts"]["vcpus"]["source"]
        assert gb200["facts"]["max_efa_interfaces"] == {
            "value": 16,
            "source": "NVIDIA/aicr issue #1256, quoting DescribeInstanceTypes",
            "confidence": "medium",
            "address": "https://github.com/NVIDIA/aicr/issues/1256",
            "as_of": "2026-08-25",
            "note": "the EC2 guide describes 4 and 8; the 16 of aws-parallelcluster are legal",
        }
        nothing = {"value": None, "source": None, "confidence": None, "address": None, "as_of": None}
        assert gb200["facts"]["boot_modes"] == {**nothing, "note": None}
        assert gb200["facts"]["nvlink_domain_accelerators"] == {
            **nothing,
            "note": "36 or 72: that of the UltraServer it is part of",
        }
        assert len(gb200["network_cards"]) == 17
        assert gb200["network_cards"][1]["other_sources"]["max_interfaces"]["confidence"] == "medium"
        assert {item["family"] for item in content["ultraserver_types"]} >= {"trn3 Gen1 UltraServer"}

    def test_prices_are_those_of_a_region(self) -> None:
        content = json.loads(run("types", "--json", "--region", "us-west-1").stdout)
        (p5en,) = [item for item in content["instance_types"] if item["name"] == "p5en.48xlarge"]
        on_demand = p5en["prices"]["on-demand"]
        assert (on_demand["value"], on_demand["region"], on_demand["as_of"]) == (79.12, "us-west-1", "2025-11")
        assert "public ones in us-west-1" in run("types", "--region", "us-west-1").stdout

    @pytest.mark.parametrize("more", [(), ("--json",)])
    def test_fails_in_one_line_on_what_is_no_region(self, more: tuple[str, ...]) -> None:
        message = "region is 'us-east-1a', expected a region such as us-east-1: pass us-east-1, the zone's region"
        assert message in refused(run("types", "--region", "us-east-1a", *more))

    @pytest.mark.parametrize(("arguments", "first"), [("types", b"instance types"), ("types --json", b"{")])
    def test_a_closed_pipe_is_no_error(self, arguments: str, first: bytes) -> None:
        result = subprocess.run(f"{COMMAND} {arguments} | head -1", shell=True, capture_output=True, check=False)  # noqa: S602 - the pipe is under test
        assert result.stdout.strip() == first
        assert result.stderr == b""

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("arguments", ["types", "types --json", "layout p5.4xlarge"])
    def test_a_pipe_that_nobody_reads_is_no_error(self, arguments: str, unbuffered: str) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            result = subprocess.run(
                [COMMAND, *arguments.split()],
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                stdout=writer,
                stderr=subprocess.PIPE,
                check=False,
            )
        finally:
            os.close(writer)
        assert result.stderr == b""
        assert result.returncode == 1


class TestLayout:
    def test_json_prints_the_interfaces_and_nothing_else(self) -> None:
        result = run("layout", "p6e-gb200.36xlarge", "--json")
        assert json.loads(result.stdout) == [
            [0, 0, "interface"],
            [1, 0, "efa-only"],
            [5, 0, "efa-only"],
            [9, 0, "efa-only"],
            [13, 0, "efa-only"],
        ]
        assert result.stderr == ""

    def test_intent(self) -> None:
        result = run("layout", "p6e-gb200.36xlarge", "--intent", "efa_8", "--json")
        assert len(json.loads(result.stdout)) == 9

    @pytest.mark.parametrize(
        ("fabric", "expected"),
        [
            ("efa", [[0, 0, "interface"], [0, 1, "efa-only"]]),
            ("roce", [[0, 0, "interface"], *([card, 0, "secondary"] for card in range(1, 9))]),
        ],
    )
    def test_fabric(self, fabric: str, expected: list[list[object]]) -> None:
        command = ("layout", "p6e-gb300r.36xlarge", "--fabric", fabric)
        assert json.loads(run(*command, "--json").stdout) == expected
        lines = run(*command).stdout.splitlines()
        assert all("  medium  " in line for line in lines[1 : len(expected) + 1])
        assert lines[-1].startswith(f"layout on {fabric}: ")
        assert "(medium)" in lines[-1]

    def test_a_table_for_people(self) -> None:
        assert "5 interfaces, 4 EFA, 1 with an IP address" in run("layout", "p6e-gb200.36xlarge").stdout

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["p5.47xlarge"], "instance type is 'p5.47xlarge', expected one that the catalog knows (p5.4xlarge,"),
            (["p6e-gb300.36xlarge"], "no EFA layout of p6e-gb300.36xlarge is published"),
            (["p6e-gb300r.36xlarge"], "p6e-gb300r.36xlarge has 2 fabrics, efa and roce, expected one of them"),
            (["p5.48xlarge", "--fabric", "roce"], "p5.48xlarge has no fabric roce, expected efa"),
            (["p5.48xlarge", "--fabric", "ib"], "fabric is 'ib', expected efa or roce"),
            (["--validate", "x.json", "--fabric", "efa"], "--fabric is efa with --validate"),
            (["trn3 Gen1 UltraServer"], "no EFA layout of trn3 Gen1 UltraServer is published"),
            (["p4d.24xlarge", "--intent", "max_ip_bandwidth"], "has no layout for the intent max_ip_bandwidth"),
            (["p4d.24xlarge", "--intent", "fastest"], "intent is 'fastest', expected one of ip_saving"),
            ([], "expected one of them: pass one"),
            (["p5.4xlarge", "--validate", "x.json"], "expected one of them: pass one"),
            (["--validate", "x.json", "--intent", "efa_8"], "--intent is efa_8 with --validate"),
            (["p5.4xlarge", "--colour"], "No such option: --colour"),
            (["p5.4xlarge", "p5.48xlarge"], "unexpected extra argument"),
            (["--validate", "/nowhere.json"], "/nowhere.json can't be read"),
            (["--validate", "/"], "/ can't be read"),
            (["--validate", ""], "'' can't be read"),
            (["--validate", "no\nsuch"], r"'no\nsuch' can't be read"),
            (["--validate", "x", "--intent", "no\nsuch"], r"--intent is 'no\nsuch' with --validate"),
            (["no\nsuch"], r"instance type is 'no\nsuch'"),
        ],
    )
    def test_fails_in_one_line(self, arguments: list[str], message: str) -> None:
        assert message in refused(run("layout", *arguments))


GOOD = {"instance_type": "p5.4xlarge", "interfaces": [[0, 0, "interface"], [0, 1, "efa-only"]]}
BAD = {"instance_type": "p6-b300.48xlarge", "interfaces": [[0, 0, "efa"], [99, 0, "efa-only"]]}


class TestValidate:
    def test_a_good_layout(self, tmp_path: Path) -> None:
        path = tmp_path / "layout.json"
        path.write_text(json.dumps(GOOD))
        result = run("layout", "--validate", str(path))
        assert (result.returncode, result.stderr) == (0, "")
        assert json.loads(run("layout", "--validate", str(path), "--json").stdout) == []

    def test_a_bad_layout(self) -> None:
        result = run("layout", "--validate", "-", "--json", stdin=json.dumps(BAD))
        assert result.returncode == 1
        found = json.loads(result.stdout)
        assert [(item["rule"], item["card"], item["device"]) for item in found] == [
            ("efa-on-ena-only-card", 0, 0),
            ("unknown-card", 99, 0),
        ]
        assert all(set(item) == {"rule", "card", "device", "message"} for item in found)
        text = run("layout", "--validate", "-", stdin=json.dumps(BAD))
        assert text.returncode == 1
        assert text.stdout.splitlines()[1].startswith("unknown-card: there is no card 99")

    def test_a_layout_that_launches_with_less_bandwidth(self) -> None:
        layout = {"instance_type": "p5.48xlarge", "interfaces": [[0, 0, "efa"], *([n, 1, "efa"] for n in range(1, 8))]}
        result = run("layout", "--validate", "-", stdin=json.dumps(layout))
        assert result.returncode == 0
        assert (
            "efa-bandwidth: 8 EFA interfaces on p5.48xlarge, expected 32: 800 of 3,200 Gbit/s are left" in result.stdout
        )
        (found,) = json.loads(run("layout", "--validate", "-", "--json", stdin=json.dumps(layout)).stdout)
        assert found["rule"] == "efa-bandwidth"

    def test_a_terminal_that_is_not_utf_8(self) -> None:
        layout = {**GOOD, "interfaces": [[0, 0, "é"]]}
        result = subprocess.run(
            [COMMAND, "layout", "--validate", "-"],
            input=json.dumps(layout).encode(),
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (1, b"")
        assert b"interface-type: card 0 device 0 has type '\\xe9'" in result.stdout

    def test_many_keys_take_no_time(self) -> None:
        content = json.dumps({**GOOD, **{f"key {number}": 0 for number in range(30_000)}})
        data = content.encode()
        result = subprocess.run(
            [COMMAND, "layout", "--validate", "-"], input=data, capture_output=True, check=False, timeout=5
        )
        assert result.returncode == 0

    def test_other_keys_are_not_this_commands_business(self) -> None:
        result = run("layout", "--validate", "-", stdin=json.dumps({**GOOD, "comment": "from a colleague"}))
        assert result.returncode == 0

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "can't be read"),
            ("{", "can't be read"),
            (b"\xff\xfe", "can't be read"),
            ("[" * 100_000, "can't be read"),
            ("[]", "holds list, expected an object"),
            ('{"instance_type": "p5.4xlarge"}', "expected an object with instance_type and interfaces"),
            (json.dumps({**GOOD, "instance_type": 5}), "instance_type in - is 5, expected a string"),
            (json.dumps({**GOOD, "instance_type": "p9.48xlarge"}), "instance type is 'p9.48xlarge'"),
            (json.dumps({**GOOD, "interfaces": {}}), "interfaces in - is dict, expected a list"),
            (json.dumps({**GOOD, "interfaces": [[0, 0]]}), "interfaces[0] in - is [0, 0]"),
            (json.dumps({**GOOD, "interfaces": [[0, True, "efa"]]}), "interfaces[0] in - is [0, True, 'efa']"),
            (json.dumps({**GOOD, "interfaces": [[0, 0.0, "efa"]]}), "interfaces[0] in - is [0, 0.0, 'efa']"),
            (json.dumps({**GOOD, "interfaces": [[0, 0, None]]}), "interfaces[0] in - is [0, 0, None]"),
            (json.dumps({**GOOD, "interfaces": [[[0], 0, "efa"]]}), "interfaces[0] in - is [[0], 0, 'efa']"),
            (json.dumps({**GOOD, "interfaces": [list(range(99_999))]}), "[0, 1, 2, 3, 4, 5, ...]"),
            (json.dumps({**GOOD, "interfaces": ["abc"]}), "interfaces[0] in - is 'abc'"),
            ('{"instance_type": "p5.4xlarge", ' + json.dumps(GOOD)[1:], "the key 'instance_type' is there twice"),
            (json.dumps({**GOOD, "interfaces": []})[:-2] + "[" + "9" * 5000 + ', 0, "efa"]]}', "can't be read"),
            ('{"instance_type": "p5.4xlarge", "interfaces": [[NaN, 0, "efa"]]}', "interfaces[0] in - is [nan"),
        ],
    )
    def test_fails_in_one_line(self, content: str | bytes, message: str) -> None:
        assert message in refused(run("layout", "--validate", "-", "--json", stdin=content))

    def test_as_json_an_error_has_its_parts(self) -> None:
        result = run("layout", "--validate", "-", "--json", stdin="[]")
        assert json.loads(result.stderr)["error"] == {
            "message": "- holds list, expected an object with instance_type and interfaces: correct it",
            "path": "-",
            "got": "list",
            "expected": "an object with instance_type and interfaces",
            "remedy": "correct it",
        }


@pytest.mark.parametrize("arguments", ["nonsense", "layout --intent", "types p5.4xlarge"])
def test_fails_in_one_line_without_a_command_that_it_knows(arguments: str) -> None:
    refused(run(*arguments.split()))


@pytest.mark.parametrize(
    ("shell", "message"),
    [
        ("layout --validate - <&-", "standard input is closed"),
        ("layout p5.4xlarge --json >/dev/full", "No space left on device"),
        ("types >/dev/full", "No space left on device"),
    ],
)
def test_fails_in_one_line_where_streams_can_not_be_used(shell: str, message: str) -> None:
    if "/dev/full" in shell and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    result = subprocess.run(f"{COMMAND} {shell}", shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - redirections are under test
    assert message in refused(result)


def test_does_not_import_cdk() -> None:
    code = "import sys, ultrafleet.cli; sys.exit('aws_cdk' in sys.modules or 'boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
