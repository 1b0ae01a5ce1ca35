"""Probe of the managed add-ons: their versions, and the schemas that their configuration has to fit."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, unclear, yes
from ultrafleet.environment import Environment
from ultrafleet.environment.addons import installed_addons
from ultrafleet.rules.managed_addons import ManagedAddon

_UNKNOWN_ADDON: Final = "ResourceNotFoundException"
_DEEPEST: Final = 12
"""Levels of a value's path that an answer shows."""


def _questions(environment: Environment) -> Iterator[Question]:
    kubernetes = environment.cluster.kubernetes_version
    for addon in installed_addons(environment):
        configuration, version = addon.configuration_values, addon.version_for(kubernetes).value
        wants = f"version {version}" if version is not None else "a default version"
        fits = f" that takes {configuration}" if configuration is not None else ""
        yield Question(
            subject=f"{addon.name} for Kubernetes {kubernetes}",
            expected=f"{wants}{fits}",
            ask=partial(_ask, addon, version, kubernetes),
            path="cluster.addon_versions",
            stops_launch=True,
            settles=_facts(addon, version, kubernetes),
        )


def _facts(addon: ManagedAddon, version: str | None, kubernetes: str) -> tuple[str, ...]:
    """Facts that EKS's offer verifies: the add-on's name, and the version that the catalog has for it."""
    from_catalog = version is not None and addon.version is None
    return (f"eks/addon/{addon.name}", *([f"eks/addon/{addon.name}/version/{kubernetes}"] if from_catalog else []))


def _ask(addon: ManagedAddon, stated: str | None, kubernetes: str, account: Account) -> Answer:
    offered, default = _versions(addon.name, kubernetes, account)
    if not offered:
        return no(
            f"EKS has no {addon.name} for Kubernetes {kubernetes}", "leave the add-on out, or use another version"
        )
    version = stated or default
    if version is None:
        return unclear(f"EKS names no default among {', '.join(offered)}", "pin one in cluster.addon_versions")
    if version not in offered:
        return no(f"EKS offers {', '.join(offered)}", "pin one of them in cluster.addon_versions")
    if addon.configuration_values is None:
        return yes(version)
    return _checked(addon, version, account)


def _versions(name: str, kubernetes: str, account: Account) -> tuple[list[str], str | None]:
    """Versions that EKS offers for a Kubernetes version, and its default among them."""
    offered, default = [], None
    try:
        found = list(
            account.pages("eks", "describe_addon_versions", "addons", addonName=name, kubernetesVersion=kubernetes)
        )
    except AwsRefusalError as refusal:
        if refusal.code == _UNKNOWN_ADDON:
            return [], None
        raise
    for item in found:
        for entry in item.get("addonVersions") or []:
            fitting = [one for one in entry.get("compatibilities") or [] if one.get("clusterVersion") == kubernetes]
            if fitting:
                offered.append(entry["addonVersion"])
                default = entry["addonVersion"] if any(one.get("defaultVersion") for one in fitting) else default
    return offered, default


def _checked(addon: ManagedAddon, version: str, account: Account) -> Answer:
    """Answer to whether the configuration fits the schema of a version."""
    answer = account.call("eks", "describe_addon_configuration", addonName=addon.name, addonVersion=version)
    try:
        schema = json.loads(answer.get("configurationSchema") or "null")
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        return unclear(f"{version} has no configuration schema", "pin another version in cluster.addon_versions")
    problem = _problem(json.loads(addon.configuration_values or "{}"), schema)
    if problem:
        return no(
            f"{version} refuses the configuration: {problem}", "pin a version that takes it, and tell the maintainers"
        )
    return yes(f"{version}, whose schema takes the configuration")


def _problem(values: dict[str, Any], schema: dict[str, Any]) -> str:
    """First thing by which values don't fit a schema; "" where they do."""
    from jsonschema import validators  # noqa: PLC0415 - of the extra, as boto3
    from jsonschema.exceptions import SchemaError, best_match  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
        found = best_match(kind(schema, registry=Registry()).iter_errors(values))  # and nothing is fetched
    except (SchemaError, Unresolvable) as error:
        return f"its schema is invalid ({str(error).splitlines()[0]})"
    if found is None:
        return ""
    where = ".".join(map(str, list(found.absolute_path)[:_DEEPEST])) or "the configuration"
    return f"{where}: {found.message}"


ADDONS: Final = Probe(
    id="addon",
    asks="Does EKS offer the add-on's version, and does its schema take the configuration?",
    permissions=(Permission(action="eks:DescribeAddonConfiguration"), Permission(action="eks:DescribeAddonVersions")),
    questions=_questions,
)
