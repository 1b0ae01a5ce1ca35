"""Rule of the configuration of EKS add-ons."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ultrafleet.catalog import eks
from ultrafleet.catalog.eks import AddonName
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.addon_configuration import ADDON, UnreadableError, configuration_of
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown

_KINDS: Final[Mapping[str, tuple[type, str]]] = {
    "tolerations": (list, "a list"),
    "nodeSelector": (dict, "a mapping"),
    "affinity": (dict, "a mapping"),
    "resources": (dict, "a mapping"),
    "replicaCount": (int, "a whole number"),
    "env": (dict, "a mapping"),
}
"""Fields that the schemas of several add-ons have, with their type."""
_GROUPS: Final = ("controller", "node", "agent", "dcgmAgent")
_TEXTS: Final = ("enableNetworkPolicy", "enableWindowsIpam", "enableWindowsPrefixDelegation")
"""Switches of the VPC CNI that are texts in its schema."""


def _configuration(template: Template) -> Iterator[Problem]:
    for addon in template.of_type(ADDON):
        try:
            found = configuration_of(addon)
        except UnreadableError as error:
            yield Problem(
                addon.logical_id,
                f"ConfigurationValues can't be read ({error}), expected JSON or YAML: EKS refuses it, correct it",
            )
            continue
        if found is None or isinstance(found, Unknown) or found == "":
            continue
        if isinstance(addon.get("ConfigurationValues"), Mapping | list):
            yield Problem(
                addon.logical_id,
                "ConfigurationValues is a mapping, expected its text: CloudFormation takes a string, write JSON",
            )
        elif not isinstance(found, Mapping):
            yield Problem(
                addon.logical_id,
                f"ConfigurationValues is {str(found)[:40]!r}, expected a mapping in JSON or YAML: EKS refuses it, "
                "correct it",
            )
        else:
            yield from _fields(addon.logical_id, str(addon.get("AddonName")), found)


def _fields(logical_id: str, addon: str, found: Mapping[str, Any]) -> Iterator[Problem]:
    places = [("", found), *((f"{name}.", found[name]) for name in _GROUPS if isinstance(found.get(name), Mapping))]
    for prefix, place in places:
        for name, (kind, called) in _KINDS.items():
            value = place.get(name)
            if (
                value is not None
                and (not isinstance(value, kind) or isinstance(value, bool))
                and "${" not in str(value)
            ):
                yield Problem(
                    logical_id,
                    f"{prefix}{name} in ConfigurationValues is {value!r}, expected {called}: correct it",
                )
    environment = found.get("env")
    if addon != AddonName.VPC_CNI:
        return
    values = dict(environment) if isinstance(environment, Mapping) else {}
    values |= {name: found[name] for name in _TEXTS if name in found}
    wrong = [f"{name} {value!r}" for name, value in values.items() if not isinstance(value, str)]
    if wrong:
        yield Problem(
            logical_id,
            f'ConfigurationValues has {", ".join(wrong)}, expected texts such as "true": the add-on\'s schema takes no '
            "other type and EKS refuses it, put them in quotes",
        )
    for name in environment if isinstance(environment, Mapping) else ():
        if name not in eks.VPC_CNI_VARIABLES:
            close = difflib.get_close_matches(str(name), eks.VPC_CNI_VARIABLES, n=1)
            yield Problem(
                logical_id,
                f"env has {name}, expected a variable of the VPC CNI{f' such as {close[0]}' if close else ''}: EKS "
                "refuses others, correct it",
                Severity.WARNING,
            )


RULES: Final = (
    PolicyRule(
        id="addon-configuration",
        number=78,
        severity=Severity.ERROR,
        protects_from="an add-on that EKS refuses",
        source=Source(
            "EKS API reference, CreateAddon: configurationValues are checked against the add-on's schema",
            address="https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAddon.html",
            also=(
                Source(
                    "of switches as texts: schema of vpc-cni, aws eks describe-addon-configuration", Confidence.MEDIUM
                ),
                eks.source("eks/addon/vpc-cni/variables"),
            ),
        ),
        remedy="`aws eks describe-addon-configuration` shows the schema",
        check=_configuration,
    ),
)
