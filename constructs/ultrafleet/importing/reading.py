"""Kind of a file of another tool, found by its content."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

from ultrafleet.bounded_file import TooLargeError, read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.importing.source import Document
from ultrafleet.plain_text import visible
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml_documents

MOST_BYTES: Final = 64 << 20
"""Ours: a plan of thousands of resources has a tenth of it."""
FORMATS: Final = ("eksctl", "pcluster", "terraform", "aicr")
"""Kinds of files that can be imported."""
_MARK: Final = re.compile(r'\s*in "<[^"]*>", (?:line (\d+), column (\d+)|position \d+)(?::)?')
"""Place in a text, as PyYAML writes it."""
_MOST_DEPTH: Final = 200


class _SourceLoader(UniqueKeyLoader):
    """Safe loader for files of others: a number with a point stays as it is written, as `1.30`, and so does a date."""


_SourceLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {"float", "timestamp"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_text(path: Path, stream: TextIO | None = None) -> str:
    """Text of a file, or of standard input.

    Args:
        path: the file; `-` is standard input.
        stream: standard input; needed for `-` alone.

    Raises:
        FleetError: it can't be read, or is too large.
    """
    try:
        if str(path) != "-":
            return read_bounded(path, MOST_BYTES)
        content = b"" if stream is None else stream.buffer.read(MOST_BYTES + 1)
    except TooLargeError:
        raise _too_large(path) from None
    except OSError as error:
        raise FleetError(
            path=path, verb="can't be", got=f"read ({error})", expected="a file", remedy="name another"
        ) from error
    if len(content) > MOST_BYTES:
        raise _too_large(path)
    return content.decode("utf-8-sig", errors="replace")


def _too_large(path: Path) -> FleetError:
    return FleetError(
        path=path,
        verb="has",
        got=f"more than {MOST_BYTES:,} bytes",
        expected="at most that many",
        remedy="of a plan, keep what is read: jq '{format_version, planned_values, configuration, prior_state}'",
    )


def documents(text: str, name: str) -> list[Document]:
    """Documents of a text, in YAML or JSON.

    Args:
        text: the text.
        name: name of its file, for messages.

    Raises:
        FleetError: it is neither.
    """
    begin = text.lstrip()[:1]
    if begin == "{":
        found = _json(text)
        if found is not None:
            return [Document(name, found)]
    try:
        loaded = load_yaml_documents(text, _SourceLoader)
    except ValueError as error:
        raise _no_yaml(text, name, error) from error
    several = len(loaded) > 1
    return [
        Document(name, value, node, number=number if several else None)
        for number, (value, node) in enumerate(loaded, 1)
        if value is not None
    ]


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found


def _no_yaml(text: str, name: str, error: ValueError) -> FleetError:
    if "{{" in text and "}}" in text:
        return FleetError(
            path=name,
            got="a template with {{ }}",
            expected="the file that it makes",
            remedy="render it first (helm template, gomplate)",
        )
    if "${" in text:
        return FleetError(
            path=name,
            got="no YAML until its variables are filled in",
            expected="values",
            remedy="envsubst < FILE | ultrafleet import -",
        )
    if text.lstrip().startswith(("resource ", "module ", "terraform ", "provider ", "variable ", "locals ", "data ")):
        return _hcl(name)
    problem, where = _MARK.sub("", str(error)), _MARK.search(str(error))
    if where is not None and where[1] is not None:
        name = f"{name}:{where[1]}:{where[2]}"
    return FleetError(
        path=name, got=f"neither YAML nor JSON ({visible(problem)[:300]})", expected=_EXPECTED, remedy="correct it"
    )


def _hcl(name: str) -> FleetError:
    return FleetError(
        path=name,
        got="Terraform's configuration language",
        expected="a plan or a state in JSON",
        remedy="terraform plan -out plan && terraform show -json plan | ultrafleet import -",
    )


_EXPECTED: Final = (
    "an eksctl ClusterConfig, a ParallelCluster configuration, the output of `terraform show -json`, or a Cluster of "
    "github.com/mchmarny/cluster as NVIDIA AICR has it"
)


def _is_eksctl(value: Mapping[Any, Any]) -> bool:
    """True for eksctl's file."""
    return str(value.get("apiVersion", "")).startswith("eksctl.io/")


def _is_pcluster(value: Mapping[Any, Any]) -> bool:
    """True for ParallelCluster's file."""
    return "Scheduling" in value or "HeadNode" in value


def _is_terraform(value: Mapping[Any, Any]) -> bool:
    """True for Terraform's JSON."""
    return any(key in value for key in ("format_version", "planned_values", "resource_changes"))


def _is_aicr(value: Mapping[Any, Any]) -> bool:
    """True for the cluster file of NVIDIA AICR."""
    return str(value.get("apiVersion", "")).startswith("github.com/mchmarny/cluster/")


_TESTS: Final[Mapping[str, Callable[[Mapping[Any, Any]], bool]]] = {
    "eksctl": _is_eksctl,
    "pcluster": _is_pcluster,
    "terraform": _is_terraform,
    "aicr": _is_aicr,
}


def choose(found: list[Document], name: str, wanted: str | None) -> tuple[str, Document, list[str]]:
    """Format and document that is imported, and lines about the others.

    Args:
        found: documents of the file.
        name: name of the file.
        wanted: format that is stated. Default: any.

    Raises:
        FleetError: none can be imported, or several.
    """
    matches = [(kind, item) for item in found for kind in _kinds(item, wanted)]
    if not matches:
        raise _nothing(found, name, wanted)
    if len(matches) > 1:
        names = ", ".join(str(item.number) for _, item in matches)
        raise FleetError(
            path=name,
            verb="has",
            got=f"{len(matches)} clusters, in documents {names}",
            expected="one",
            remedy="pass one of them",
        )
    kind, chosen = matches[0]
    others = [
        f"{visible(name)}: document {item.number} ({_kind_of(item.value)}): not carried over"
        for item in found
        if item is not chosen
    ]
    return kind, chosen, others


def _kinds(document: Document, wanted: str | None) -> Iterator[str]:
    value = document.value
    if isinstance(value, Mapping):
        yield from (kind for kind, test in _TESTS.items() if test(value) and wanted in {None, kind})


def _nothing(found: list[Document], name: str, wanted: str | None) -> FleetError:
    values = [item.value for item in found]
    first = values[0] if values else None
    remedy = "name another file"
    if isinstance(first, str) and any(word in first for word in ('resource "', 'module "', "provider ")):
        return _hcl(name)
    if isinstance(first, Mapping):
        if {"account", "pools"} <= set(first):
            got, remedy = (
                "an environment file already",
                f"put it beside the others, and run ultrafleet summary {Path(name).stem}",
            )
        elif "terraform_version" in first and "resources" in first:
            got, remedy = "a raw Terraform state", "terraform show -json | ultrafleet import -"
        elif "Resources" in first or "AWSTemplateFormatVersion" in first:
            got, remedy = "a CloudFormation template", "import the cluster itself: ultrafleet import --live CLUSTER"
        elif (
            "cluster" in first and isinstance(first.get("cluster"), Mapping) and "queue_settings" in str(first)[:10000]
        ):
            got, remedy = "a configuration of ParallelCluster 2", "convert it first: pcluster3-config-converter"
        else:
            got = ", ".join(_kind_of(value) for value in values[:4])
    else:
        got = "empty" if first is None else _plain_kind(first)
    expected = _EXPECTED if wanted is None else f"a file of the format {wanted}"
    return FleetError(path=name, got=got, expected=expected, remedy=remedy)


def _plain_kind(value: object) -> str:
    """Kind of a value that is no mapping, in YAML's words."""
    return {str: "a text", list: "a list", bool: "a truth value", int: "a number", float: "a number"}.get(
        type(value), "a value"
    )


def _kind_of(value: object) -> str:
    if not isinstance(value, Mapping):
        return _plain_kind(value)
    kind, version = value.get("kind"), value.get("apiVersion")
    if isinstance(kind, str):
        return visible(f"{kind[:60]} of {str(version)[:60]}" if version else kind[:60])
    return f"a mapping with {visible(', '.join(str(key)[:30] for key in list(value)[:4]))}"
