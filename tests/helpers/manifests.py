"""Manifests delivered to clusters, and their validation by published schemas."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from helpers.crd_rules import broken_rules
from helpers.rehearsal_site import ENVIRONMENTS, synthesised
from ultrafleet.kubernetes.chart import ChartRelease

ROOT = Path(__file__).parent.parent.parent
SHARED = ROOT.parent / "shared"
CRDS = SHARED / "crds"
CHART_VALUES = SHARED / "chart-values"

needs_crds = pytest.mark.skipif(
    not CRDS.is_dir(),
    reason=f"the published CustomResourceDefinitions are not in {CRDS}",
)
needs_chart_values = pytest.mark.skipif(
    not CHART_VALUES.is_dir(), reason=f"the charts' published values are not in {CHART_VALUES}"
)

UNCHECKED_KINDS = {
    "ScaledObject": "keda.sh/v1alpha1: kedacore/charts, keda/templates/crds/crd-scaledobjects.yaml",
    "Application": "argoproj.io/v1alpha1: Argo CD documentation, application specification",
}
"""Kinds whose definition this project doesn't hold, and where their fields come from."""

_SAME_SPEC = {"TrainingRuntime": "ClusterTrainingRuntime"}
"""Kinds that have the specification of another (kubeflow/trainer, pkg/apis, high)."""


class SchemaError(AssertionError):
    """A published schema refuses an object or a chart's values."""


def check_object(manifest: Mapping[str, Any], kubernetes_version: str) -> None:
    """Hold an object against Kubernetes' own schema, or its CustomResourceDefinition with its CEL rules.

    Unknown fields fail.
    """
    group = manifest["apiVersion"].partition("/")[0]
    core = "." not in group or group.endswith(".k8s.io")
    schemas = _definitions() if CRDS.is_dir() else {}
    kind = _SAME_SPEC.get(manifest["kind"], manifest["kind"])
    if (group, kind) in schemas:
        versions = schemas[group, kind]
        version = manifest["apiVersion"].partition("/")[2]
        if version not in versions:
            raise SchemaError(f"{kind} has versions {sorted(versions)}, not {version}")
        _raise_first(versions[version], {**manifest, "kind": kind})
        for text in broken_rules(versions[version], manifest):
            raise SchemaError(f"{manifest['kind']} {text}")
        return
    if manifest["kind"] in UNCHECKED_KINDS:
        return
    if not core:
        raise SchemaError(f"no schema for {manifest['apiVersion']} {manifest['kind']}")
    try:
        kubernetes_validate.validate(dict(manifest), kubernetes_version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        raise SchemaError(str(error)) from error


def check_values(release: Mapping[str, Any]) -> None:
    """Hold the values of a release against the values that its chart publishes. Unknown keys fail."""
    path = CHART_VALUES / f"{release['chart']}.yaml"
    published = yaml.safe_load(path.read_text())
    _check_keys(release["values"], published, release["chart"])


def has_published_values(chart: str) -> bool:
    return (CHART_VALUES / f"{chart}.yaml").exists()


def _check_keys(values: Any, published: Any, path: str) -> None:
    if not isinstance(values, Mapping):
        if isinstance(published, Mapping) and published:
            raise SchemaError(f"{path} is {values!r}, the chart has keys {sorted(published)} there")
        return
    if not isinstance(published, Mapping):
        raise SchemaError(f"{path} has keys {sorted(values)}, the chart has {published!r} there")
    if not published:
        return  # the chart hands it on as it is: a selector, an affinity
    for key, value in values.items():
        if key not in published:
            raise SchemaError(f"{path}.{key} is no key of the chart, expected one of {sorted(published)}")
        # An affinity, where it is published, is an example that is replaced as a whole.
        if key != "affinity":
            _check_keys(value, published[key], f"{path}.{key}")


def _raise_first(schema: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    errors = sorted(Draft202012Validator(schema).iter_errors(manifest), key=lambda error: list(error.absolute_path))
    if errors:
        where = "/".join(map(str, errors[0].absolute_path))
        raise SchemaError(f"{manifest['kind']} {where}: {errors[0].message}")


def definition(kind: str, version: str) -> Mapping[str, Any]:
    """Schema of a kind in a version, as published."""
    kind = _SAME_SPEC.get(kind, kind)
    (found,) = [versions for (_, name), versions in _definitions().items() if name == kind]
    return found[version]


def published_schemas() -> Iterator[Mapping[str, Any]]:
    """Schemas of all published definitions, in every version."""
    for versions in _definitions().values():
        yield from versions.values()


@cache
def _definitions() -> dict[tuple[str, str], dict[str, Mapping[str, Any]]]:
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for path in CRDS.glob("*.yaml"):
        spec = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["spec"]  # noqa: S506 - safe
        found[spec["group"], spec["names"]["kind"]] = {
            version["name"]: _closed(version["schema"]["openAPIV3Schema"], top=True) for version in spec["versions"]
        }
    return found


def _closed(schema: Any, *, top: bool = False) -> Any:
    """The schema as an API server uses it: what isn't named isn't there; an int-or-string is both."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {key: _closed(value) for key, value in schema.items() if key not in {"properties", "description"}}
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("anyOf", None)
        closed.pop("type", None)
        closed["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if "properties" in schema:
        closed["properties"] = {name: _closed(inner) for name, inner in schema["properties"].items()}
        if top:
            closed["properties"]["metadata"] = {"type": "object"}  # Kubernetes' own
        if not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            closed["additionalProperties"] = False
    return closed


def _text(value: Any) -> str:
    """Text of a property; what AWS makes up is a word."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        return "".join(_text(part) for part in value["Fn::Join"][1])
    return "made-up"


def delivered_resources(name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Type and properties of every custom resource of CDK's kubectl layer in a shipped environment."""
    _, stacks = synthesised((ENVIRONMENTS / f"{name}.yaml").read_text(), name)
    for stack in stacks:
        for resource in json.loads(stack.template)["Resources"].values():
            if resource["Type"].startswith("Custom::AWSCDK-EKS"):
                yield resource["Type"], resource["Properties"]


@cache
def delivered_objects(name: str) -> tuple[Mapping[str, Any], ...]:
    """Every object that a shipped environment delivers."""
    return tuple(
        manifest
        for kind, properties in delivered_resources(name)
        if kind == "Custom::AWSCDK-EKS-KubernetesResource"
        for manifest in json.loads(_text(properties["Manifest"]))
    )


@cache
def delivered_releases(name: str) -> tuple[Mapping[str, Any], ...]:
    """Chart and values of every release that a shipped environment delivers."""
    return tuple(
        {
            "chart": properties["Chart"],
            "release": properties["Release"],
            "version": properties["Version"],
            "values": json.loads(_text(properties.get("Values", "{}"))),
        }
        for kind, properties in delivered_resources(name)
        if kind == "Custom::AWSCDK-EKS-HelmChart"
    )


def as_delivered(release: ChartRelease) -> Mapping[str, Any]:
    """A release as `check_values` takes it."""
    return {"chart": release.chart.name, "release": release.release, "values": release.values}
