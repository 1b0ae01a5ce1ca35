"""Configuration of EKS add-ons: the text of `ConfigurationValues`, read."""

from collections.abc import Mapping
from typing import Any, Final

from ultrafleet.templates.template import Resource, mapping
from ultrafleet.templates.template_text import json_in_text
from ultrafleet.templates.unknown import Unknown, text_of
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

ADDON: Final = "AWS::EKS::Addon"
_LONGEST: Final = 20_000
"""Ours: longer texts aren't read."""


class UnreadableError(ValueError):
    """Text that is neither JSON nor YAML."""


def configuration_of(addon: Resource) -> Any:  # noqa: ANN401 - JSON
    """Configuration of an add-on: what its text says; None where none is stated, an `Unknown` where it isn't known.

    Raises:
        UnreadableError: the text is neither JSON nor YAML.
    """
    stated = addon.get("ConfigurationValues")
    if stated is None or isinstance(stated, Mapping | list):
        return stated
    text = text_of(stated)
    if text is None or len(text) > _LONGEST:
        return Unknown("it isn't known before deployment")
    try:
        return json_in_text(text) if text.lstrip().startswith("{") else load_yaml(text, UniqueKeyLoader)
    except ValueError as error:
        if isinstance(stated, Unknown):
            return Unknown(stated.reason)
        raise UnreadableError(" ".join(str(error).split())[:80]) from error


def environment_of(addon: Resource) -> Mapping[str, Any]:
    """Environment variables that a configuration sets; none where it can't be read."""
    try:
        return mapping(mapping(configuration_of(addon)).get("env"))
    except UnreadableError:
        return {}
