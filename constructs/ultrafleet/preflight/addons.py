"""Managed add-ons whose version a deployment changes: updates of pods, which take no node."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.preflight.deployment import Deployment
from ultrafleet.preflight.finding import Finding, note
from ultrafleet.rules.managed_addons import version_key

_ADDON: Final = "AWS::EKS::Addon"


def addon_findings(deployment: Deployment) -> Iterator[Finding]:
    """Findings of add-ons that run another version than their template states from this deployment on."""
    for update in deployment.updates:
        for logical_id, resource in (update.new.get("Resources") or {}).items():
            properties = resource.get("Properties") or {}
            name, stated = properties.get("AddonName"), properties.get("AddonVersion")
            runs = deployment.account.addon_versions.get(str(name))
            if resource.get("Type") != _ADDON or not isinstance(stated, str) or runs in {None, stated}:
                continue
            before = ((update.old.get("Resources") or {}).get(logical_id) or {}).get("Properties") or {}
            if before.get("AddonVersion") == stated:
                continue  # changed by hand: CloudFormation sends nothing
            yield note(_text(str(name), str(runs), stated))


def _text(name: str, runs: str, stated: str) -> str:
    old, new = version_key(runs), version_key(stated)
    older = ", an older one" if old is not None and new is not None and new < old else ""
    return (
        f"add-on {name} runs {runs}, and the deployment updates it to {stated}{older}: EKS replaces its pods and no "
        f"node; `cluster.addon_versions: {{{name}: {runs}}}` keeps what runs"
    )
