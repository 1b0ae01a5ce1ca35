"""Fixes of user data that nodeadm reads."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ultrafleet.catalog.limits import USER_DATA_BYTES
from ultrafleet.fix.edits import Edit, Path, Put
from ultrafleet.fix.fix_of_rule import Faulty, Fix
from ultrafleet.fix.launch_fixes import data_path
from ultrafleet.fix.places import branches, written
from ultrafleet.templates.node_config import NODE_CONFIG_TYPE

_HEADER: Final = re.compile(r"(content-|mime-)[a-z-]{1,40}:", re.IGNORECASE)
_BOUNDARY: Final = re.compile(r"boundary=(\"[^\"\n]{1,70}\"|[^\s;\"]{1,70})", re.IGNORECASE)
_MULTIPART: Final = re.compile(r"content-type:[ \t]{0,9}multipart/[a-z]{1,20}", re.IGNORECASE)
_API: Final = re.compile(r"(apiVersion:[ \t]{0,9})[\"']?node\.eks\.aws/[\w.-]{0,40}[\"']?[ \t]{0,9}")
_KIND: Final = re.compile(r"(kind:[ \t]{0,9})[\"']?nodeconfig[\"']?[ \t]{0,9}", re.IGNORECASE)
_STRATEGY: Final = re.compile(r"(\s{1,80}strategy:[ \t]{0,9})[\"']?(raid0|raid10|mount)[\"']?[ \t]{0,9}", re.IGNORECASE)
_PODS: Final = re.compile(r"(\s{1,80}maxPods:[ \t]{0,9})([\"'])(\d{1,6})\2[ \t]{0,9}")
_JSON_API: Final = re.compile(r'("apiVersion":[ \t]{0,9})"node\.eks\.aws/[\w.-]{0,40}"')
_JSON_PODS: Final = re.compile(r'("maxPods":[ \t]{0,9})"(\d{1,6})"')
_JSON_STRATEGY: Final = re.compile(r'("strategy":[ \t]{0,9})"(raid0|raid10|mount)"', re.IGNORECASE)
_STRATEGIES: Final = {"raid0": "RAID0", "raid10": "RAID10", "mount": "Mount"}
_WRAPPERS: Final = ("Fn::Base64", "Fn::Sub")


def _node_config(faulty: Faulty) -> Iterator[Edit]:
    too_few_disks = any("RAID10 on" in finding.message for finding in faulty.findings)
    for path, text in _texts(faulty):
        repaired = repaired_user_data(text, too_few_disks=too_few_disks)
        if repaired != text:
            yield Put(path, repaired)


def _texts(faulty: Faulty) -> Iterator[tuple[Path, str]]:
    """Texts of user data as they are written, inside of functions that take one."""
    for start in branches(faulty.template, data_path(faulty, "UserData")):
        waiting = [start]
        while waiting:
            path = waiting.pop()
            value = written(faulty.template, path)
            if isinstance(value, str) and len(value) <= 4 * USER_DATA_BYTES.value and "\n" in value:
                yield path, value
            elif isinstance(value, list) and path[-1] == "Fn::Sub" and value:
                waiting.append((*path, 0))
            elif isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _WRAPPERS:
                waiting += [place for key in value for place in branches(faulty.template, (*path, key))]


def repaired_user_data(text: str, *, too_few_disks: bool = False) -> str:
    """User data with what has one right spelling: empty lines behind headers, a boundary, names of nodeadm.

    Args:
        text: the user data.
        too_few_disks: whether RAID10 has less disks than it needs. Default: it has enough.
    """
    lines = text.split("\n")
    if _is_indented(lines):
        lines = _dedented(lines)
    if any(_HEADER.match(line) for line in lines[:20]):
        lines = _separated(_bounded(lines))
    return "\n".join(_spelled(lines, too_few_disks=too_few_disks))


def _is_indented(lines: Sequence[str]) -> bool:
    others = [line for line in lines[1:] if line.strip()]
    return (
        bool(others)
        and _HEADER.match(lines[0].strip()) is not None
        and all(line[:1] == " " for line in others)
        and any(line.strip().startswith("--") for line in others)
    )


def _dedented(lines: Sequence[str]) -> list[str]:
    width = min(len(line) - len(line.lstrip(" ")) for line in lines[1:] if line.strip())
    return [lines[0].lstrip(), *(line[width:] if line.strip() else line for line in lines[1:])]


def _bounded(lines: list[str]) -> list[str]:
    """A header that names the boundary that its parts have."""
    last = next((line.rstrip() for line in reversed(lines) if line.strip()), "")
    used = last[2:-2] if last.startswith("--") and last.endswith("--") and len(last) > len("----") else ""
    parts = {line.rstrip() for line in lines}
    if not used or f"--{used}" not in parts:
        return lines
    for number, line in enumerate(lines):
        if not line.strip():
            break
        if _MULTIPART.match(line):
            found = _BOUNDARY.search(line)
            if found is None:
                stem = line.rstrip().rstrip(";")
                return [*lines[:number], f'{stem}; boundary="{used}"', *lines[number + 1 :]]
            if found.group(1).strip('"') != used and f"--{found.group(1).strip(chr(34))}" not in parts:
                named = f'{line[: found.start()]}boundary="{used}"{line[found.end() :]}'
                return [*lines[:number], named, *lines[number + 1 :]]
    return lines


def _separated(lines: Sequence[str]) -> list[str]:
    """An empty line between the headers of each part and its content."""
    made: list[str] = []
    in_headers = True
    for line in lines:
        if line.startswith("--"):
            if in_headers and made and made[-1].strip() and not made[-1].startswith("--"):
                made.append("")
            in_headers = not line.rstrip().endswith("--")
        elif in_headers and not line.strip():
            in_headers = False
        elif in_headers and not _HEADER.match(line) and line[:1] not in (" ", "\t"):
            if made and _HEADER.match(made[-1]):
                made.append("")
            in_headers = False
        made.append(line)
    return made


def _spelled(lines: Sequence[str], *, too_few_disks: bool) -> Iterator[str]:
    has_parts = any(line.startswith("--") for line in lines)
    inside = not has_parts
    for line in lines:
        if line.startswith("--"):
            inside = False
        elif NODE_CONFIG_TYPE in line.lower() and line.lower().startswith("content-type:"):
            inside = True
        yield _spelled_line(line, too_few_disks=too_few_disks) if inside else line


def _spelled_line(line: str, *, too_few_disks: bool) -> str:
    if _API.fullmatch(line):
        return _API.sub(r"\1node.eks.aws/v1alpha1", line)
    if _KIND.fullmatch(line):
        return _KIND.sub(r"\1NodeConfig", line)
    for pattern, quote in ((_STRATEGY, ""), (_JSON_STRATEGY, '"')):
        strategy = pattern.fullmatch(line) if not quote else pattern.search(line)
        if strategy is not None:
            name = _STRATEGIES[strategy.group(2).lower()]
            right = "RAID0" if too_few_disks and name == "RAID10" else name
            return f"{line[: strategy.start()]}{strategy.group(1)}{quote}{right}{quote}{line[strategy.end() :]}"
    line = _JSON_PODS.sub(r"\1\2", _JSON_API.sub(r'\1"node.eks.aws/v1alpha1"', line))
    pods = _PODS.fullmatch(line)
    return pods.group(1) + pods.group(3) if pods is not None else line


_WRAPPED: Final = (
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="BOUNDARY"',
    "",
    "--BOUNDARY",
    'Content-Type: text/x-shellscript; charset="us-ascii"',
    "",
)


def _script_as_part(faulty: Faulty) -> Iterator[Edit]:
    for path, text in _texts(faulty):
        if text.startswith("#!") and "--BOUNDARY" not in text:
            end = "" if text.endswith("\n") else "\n"
            yield Put(path, "\n".join(_WRAPPED) + "\n" + text + end + "--BOUNDARY--\n")


FIXES: Final = (
    Fix("user-data-mime", "a script as the one part of a MIME document", _script_as_part),
    Fix(
        "node-config",
        "empty lines behind headers, the boundary that the parts have, apiVersion, kind and strategies as nodeadm "
        "spells them, numbers without quotes; in a text that is written as one",
        _node_config,
    ),
)
