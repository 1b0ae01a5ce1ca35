"""Text of a CloudFormation template as data: JSON, or YAML with short intrinsics; duplicate keys are refused."""

import json
from typing import Any

import yaml

from ultrafleet.yaml_loader import TemplateLoader


def parsed_text(text: str) -> Any:  # noqa: ANN401 - JSON
    """Data of a template's text, short intrinsics in their long form.

    Raises:
        ValueError: it is no JSON or YAML, or a key is there twice in one object.
        RecursionError: it is nested too deeply.
    """
    if text.lstrip().startswith("{"):
        return json.loads(text, object_pairs_hook=_object)
    try:
        return yaml.load(text, Loader=TemplateLoader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(key for key in keys if keys.count(key) > 1)!r}: remove one")
    return found
