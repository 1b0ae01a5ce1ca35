"""Baseline: findings that templates had when the policy came to them, so that new ones alone count."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ultrafleet.errors import FleetError
from ultrafleet.policy.rule import Finding, Severity
from ultrafleet.templates.template import Template

_MOST_BYTES: Final = 64 << 20


class BaselineEntry(BaseModel):
    """Finding of a baseline.

    Attributes:
        file: the template, from the folder of the baseline's file.
        resource: logical id; "" for the whole template.
        rule: id of the rule.
        content: SHA-256 of the resource as it was written and of the message: another content is another finding.
        message: what was found, for who reads the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    resource: str
    rule: str
    content: str
    message: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Identity of the finding."""
        return self.file, self.resource, self.rule, self.content


@dataclass(frozen=True, kw_only=True)
class HeldToBaseline:
    """Findings of a run, held to a baseline.

    Attributes:
        new: findings that the baseline hasn't.
        known: findings that it has.
        gone: entries of it, of templates that were read, that were not found any more.
    """

    new: tuple[Finding, ...]
    known: tuple[Finding, ...]
    gone: tuple[BaselineEntry, ...]


def read_baseline(path: Path) -> list[BaselineEntry]:
    """Entries of a baseline's file.

    Raises:
        FleetError: it can't be read, is larger than 64 MiB or isn't a baseline.
    """
    expected = "a file that `ultrafleet check --write-baseline` wrote"
    try:
        if not path.is_file():
            raise FleetError(path=path, got="no file", expected=expected, remedy="write it first")
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise FleetError(
                path=path, got=f"more than {_MOST_BYTES} bytes", expected=expected, remedy="write it again"
            )
        return TypeAdapter(list[BaselineEntry]).validate_python(json.loads(text))
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        got = "another shape" if isinstance(error, ValidationError) else f"unreadable ({str(error)[:100]})"
        raise FleetError(path=path, got=got, expected=expected, remedy="write it again") from error


def baseline_of(findings: Iterable[Finding], templates: Sequence[Template], path: Path) -> list[BaselineEntry]:
    """Entries for findings, in the order of files, resources and rules; accepted ones have their own file.

    Args:
        findings: what the rules found.
        templates: the templates that they were found in.
        path: the baseline's file: templates are named from its folder.
    """
    entries = _entries(findings, templates, path)
    return sorted(
        (entry for finding, entry in entries if finding.severity is not Severity.ACKNOWLEDGED),
        key=lambda entry: (*entry.key[:3], entry.message),
    )


def held_to_baseline(
    findings: Iterable[Finding], templates: Sequence[Template], baseline: Sequence[BaselineEntry], path: Path
) -> HeldToBaseline:
    """Findings held to a baseline: each of its entries covers one finding.

    Args:
        findings: what the rules found.
        templates: the templates that were read.
        baseline: entries of the file.
        path: the baseline's file: templates are named from its folder.
    """
    left = Counter(entry.key for entry in baseline)
    new, known = [], []
    for finding, entry in _entries(findings, templates, path):
        if left[entry.key] > 0:
            left[entry.key] -= 1
            known.append(finding)
        else:
            new.append(finding)
    read = {_from_folder(template.name, path) for template in templates}
    gone = []
    for entry in baseline:
        if left[entry.key] > 0 and entry.file in read:
            left[entry.key] -= 1
            gone.append(entry)
    return HeldToBaseline(new=tuple(new), known=tuple(known), gone=tuple(gone))


def _entries(
    findings: Iterable[Finding], templates: Sequence[Template], path: Path
) -> list[tuple[Finding, BaselineEntry]]:
    resources = {template.name: template.content.get("Resources") for template in templates}
    return [
        (
            finding,
            BaselineEntry(
                file=_from_folder(finding.file, path),
                resource=finding.resource,
                rule=finding.rule,
                content=_digest(_written(resources.get(finding.file), finding.resource), finding.message),
                message=finding.message,
            ),
        )
        for finding in findings
    ]


def _written(resources: Any, logical_id: str) -> Any:  # noqa: ANN401 - JSON
    return resources.get(logical_id) if isinstance(resources, dict) and logical_id else None


def _digest(resource: Any, message: str) -> str:  # noqa: ANN401 - JSON
    text = json.dumps([resource, message], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _from_folder(file: str, path: Path) -> str:
    """Name of a template from the baseline's folder, wherever the command is run."""
    return Path(os.path.relpath(file, path.parent)).as_posix()
