"""Templates that are read together: what they export to each other, and which nests which."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.templates.template import Template, TemplateSet, mapping

NESTED: Final = "AWS::CloudFormation::Stack"


def linked(templates: Sequence[Template]) -> list[Template]:
    """Templates linked: each sees what the others export, and the one that nests it."""
    together = TemplateSet()
    found = [replace(template, together=together) for template in templates]
    together.templates.extend(found)
    for template in found:
        with suppress(FleetError):  # one that can't be resolved exports nothing; its own reader says so
            together.exporters.update(dict.fromkeys(template.exports, template))
    together.files.update(Path(template.name).name for template in found)
    by_file: dict[str, list[Template]] = {}
    by_parameters: dict[frozenset[str] | None, list[Template]] = {}
    for template in found:
        by_file.setdefault(Path(template.name).name, []).append(template)
        by_parameters.setdefault(frozenset(mapping(template.content.get("Parameters"))), []).append(template)
    nestings = [
        (template, logical_id, by_file.get(nested_file(raw)) or by_parameters.get(_given(raw), []))
        for template in found
        for logical_id, raw in template.content["Resources"].items()
        if mapping(raw).get("Type") == NESTED
    ]
    times = Counter(id(files) for _, _, files in nestings)
    uses: Counter[str] = Counter()
    for files in {id(files): files for _, _, files in nestings}.values():
        uses.update(dict.fromkeys((nested.name for nested in files), times[id(files)]))
    for template, logical_id, files in nestings:
        # One template that makes several stacks has other parameters in each.
        if len(files) == 1 and uses[files[0].name] == 1 and not _is_within(template, files[0], together):
            together.parents[files[0].name] = (template, logical_id)
            together.children[template.name, logical_id] = files[0]
    return found


def _is_within(template: Template, other: Template, together: TemplateSet) -> bool:
    """True if a template is another one, or is nested in it: a stack can't be nested in itself."""
    at: Template | None = template
    while at is not None and at is not other:
        at = together.parents.get(at.name, (None, ""))[0]
    return at is other


def _given(raw: Mapping[str, Any]) -> frozenset[str] | None:
    """Parameters that a nested stack is given, which tell its template: addresses of assets name no file."""
    given = mapping(mapping(raw.get("Properties")).get("Parameters"))
    return frozenset(given) if given else None


def nested_file(raw: Mapping[str, Any]) -> str:
    """Name of the file that makes a nested stack: the CDK's metadata says it, or else the address."""
    asset = mapping(raw.get("Metadata")).get("aws:asset:path")
    url = mapping(raw.get("Properties")).get("TemplateURL")
    stated = asset if isinstance(asset, str) else url if isinstance(url, str) else ""
    return stated.rpartition("/")[2]
