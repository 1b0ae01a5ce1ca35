"""Templates that are read together: what they export to each other, and which nests which."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ultrafleet.templates.template import Template, TemplateSet, mapping

_NESTED: Final = "AWS::CloudFormation::Stack"


def linked(templates: Sequence[Template]) -> list[Template]:
    """Templates linked: each sees what the others export, and the one that nests it."""
    together = TemplateSet()
    found = [replace(template, together=together) for template in templates]
    for template in found:
        together.exporters.update(dict.fromkeys(template.exports, template))
    by_file: dict[str, list[Template]] = {}
    for template in found:
        by_file.setdefault(Path(template.name).name, []).append(template)
    nestings = [
        (template, logical_id, by_file.get(_nested_file(raw)) or _by_parameters(raw, found))
        for template in found
        for logical_id, raw in template.content["Resources"].items()
        if mapping(raw).get("Type") == _NESTED
    ]
    uses = Counter(nested.name for _, _, files in nestings for nested in files)
    for template, logical_id, files in nestings:
        # One template that makes several stacks has other parameters in each.
        if len(files) == 1 and uses[files[0].name] == 1 and files[0] is not template:
            together.parents[files[0].name] = (template, logical_id)
            together.children[template.name, logical_id] = files[0]
    return found


def _by_parameters(raw: Mapping[str, Any], templates: Sequence[Template]) -> list[Template]:
    """Templates that have just the parameters that a nested stack is given: addresses of assets name no file."""
    given = set(mapping(mapping(raw.get("Properties")).get("Parameters")))
    return [item for item in templates if given and given == set(mapping(item.content.get("Parameters")))]


def _nested_file(raw: Mapping[str, Any]) -> str:
    """Name of the file that makes a nested stack: the CDK's metadata says it, or else the address."""
    asset = mapping(raw.get("Metadata")).get("aws:asset:path")
    url = mapping(raw.get("Properties")).get("TemplateURL")
    stated = asset if isinstance(asset, str) else url if isinstance(url, str) else ""
    return stated.rpartition("/")[2]
