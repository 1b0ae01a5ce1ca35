"""Filter patterns of CloudWatch Logs, and the fleet's own on lines that NVIDIA's driver writes."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.catalog.eks import FATAL_XIDS
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.cloudwatch.filter_pattern import matches
from ultrafleet.rules.xid_lines import fatal_xid_pattern

FATAL = fatal_xid_pattern()
FROM_APPLICATIONS = (13, 31, 43, 45, 68, 94)
"""XID errors after which the GPU works on."""


def line(text: object, **more: object) -> str:
    return json.dumps({"ident": "kernel", "host": "ip-10-0-0-1", "message": text, **more})


class TestXidLines:
    @pytest.mark.parametrize(
        "text",
        [
            "NVRM: Xid (PCI:0000:53:00): 79, GPU has fallen off the bus.",
            "NVRM: Xid (PCI:0000:53:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
            "NVRM: Xid (PCI:0018:01:00): 48, pid=1896, name=python3, An uncorrectable double bit error (DBE)",
            "NVRM: Xid (PCI:0000:10:1c): 63, pid=1896, Row Remapper: New row marked for remapping, reset gpu.",
            "NVRM: Xid (PCI:0008:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)",
            "NVRM: Xid (PCI:0008:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (OS Reboot)",
        ],
    )
    def test_a_dead_gpu_matches(self, text: str) -> None:
        assert matches(FATAL, line(text))

    @pytest.mark.parametrize(
        "text",
        [
            "NVRM: Xid (PCI:0000:53:00): 13, pid=1896, name=python3, Graphics SM Warp Exception",
            "NVRM: Xid (PCI:0000:53:00): 31, pid=79, name=python3, Ch 00000008, intr 00000000. MMU Fault",
            "NVRM: Xid (PCI:0000:53:00): 45, pid=48, name=python3, Ch 00000079",
            "NVRM: Xid (PCI:0008:01:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)",
            "NVRM: loading NVIDIA UNIX Open Kernel Module for aarch64  580.95.05",
            "the log says NVRM: Xid (PCI:0000:53:00): 79, GPU has fallen off the bus.",
            "",
        ],
    )
    def test_what_an_application_did_and_other_lines_do_not(self, text: str) -> None:
        assert not matches(FATAL, line(text))

    @given(code=st.integers(1, 200), pid=st.integers(1, 200), bus=st.from_regex("[0-9a-f]{4}:[0-9a-f]{2}:00"))
    def test_the_code_alone_decides(self, code: int, pid: int, bus: str) -> None:
        text = f"NVRM: Xid (PCI:{bus.strip()}): {code}, pid={pid}, name=python3, Ch {pid:08x}"
        # 154 ends with what the driver asks for, and here asks for something.
        assert matches(FATAL, line(text)) is (code in {*FATAL_XIDS, 154})

    def test_those_of_applications_are_not_fatal(self) -> None:
        assert not set(FROM_APPLICATIONS) & set(FATAL_XIDS)
        assert {48, 63, 64, 74, 79, 95, 119, 120, 136, 155} <= set(FATAL_XIDS)

    def test_the_pattern_is_as_long_as_cloudwatch_takes(self) -> None:
        assert len(FATAL) <= 1024
        with pytest.raises(AssertionError, match="more than 1024"):
            fatal_xid_pattern(range(100))

    def test_a_log_event_that_is_no_object_matches_nothing(self) -> None:
        for event in ("NVRM: Xid (PCI:0000:53:00): 79, off the bus", "[]", "79", "", line(79), line(None), "{}"):
            assert not matches(FATAL, event)


class TestPatterns:
    @given(found=st.text(max_size=12), text=st.text("ab:", max_size=4), before=st.booleans(), after=st.booleans())
    def test_wildcards_are_those_of_a_regular_expression(
        self, found: str, text: str, *, before: bool, after: bool
    ) -> None:
        pattern = f"""{{ $.message = "{"*" * before}{text}{"*" * after}" }}"""
        wanted = re.fullmatch(f"{'.*' * before}{re.escape(text)}{'.*' * after}", found, re.DOTALL)
        assert matches(pattern, line(found)) is (wanted is not None)

    @given(st.lists(st.booleans(), min_size=3, max_size=3))
    def test_and_binds_more_tightly_than_or(self, seen: list[bool]) -> None:
        a, b, c = seen
        event = json.dumps({name: "yes" if value else "no" for name, value in zip("abc", seen, strict=True)})
        assert matches('{ $.a = "yes" || $.b = "yes" && $.c = "yes" }', event) is (a or (b and c))
        assert matches('{ ($.a = "yes" || $.b = "yes") && $.c = "yes" }', event) is ((a or b) and c)
        assert matches('{ $.a != "yes" }', event) is not a

    def test_a_field_inside_of_an_object(self) -> None:
        assert matches('{ $.a.b = "c" }', '{"a": {"b": "c"}}')
        assert not matches('{ $.a.b = "c" }', '{"a": "b"}')

    @pytest.mark.parametrize(
        "pattern",
        [
            "ERROR", '{ $.a = "b" ', "{ $.a > 1 }", '{ $.a = "b*c" }', "{ $.a = %b% }", '{ ($.a = "b" }', "{ }",
            '{ $.a = "b" } { $.a = "c" }', '{ $.a[0] = "b" }', "{ $.a NOT EXISTS }", '{ "b" = $.a }',
        ],
    )  # fmt: skip
    def test_fails_with_syntax_that_it_does_not_read(self, pattern: str) -> None:
        with pytest.raises(FleetError, match="expected"):
            matches(pattern, "{}")
