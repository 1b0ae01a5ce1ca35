"""Files that describe fleets and are no CloudFormation templates: what each is, and what to check instead."""

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from ultrafleet.errors import FleetError

_MOST_CHARACTERS: Final = 1 << 16
"""Beginning of a file by which it is recognised."""
_STACKS: Final = "check the templates of the stacks that it makes: `aws cloudformation get-template --stack-name NAME`"
_TERRAFORM: Final = (
    "no rule reads Terraform, which makes no templates: `ultrafleet layout --validate FILE` judges the interfaces of "
    "a launch template"
)
_MANIFESTS: Final = (
    "name templates; `ultrafleet job` writes jobs that suit a fleet, and an environment's manifests are checked when "
    "it is synthesised"
)


@dataclass(frozen=True, kw_only=True)
class OtherFormat:
    """Format of another tool.

    Attributes:
        name: what a file of it is, with its article.
        tool: the tool that it is of.
        remedy: what to check instead.
    """

    name: str
    tool: str
    remedy: str


EKSCTL: Final = OtherFormat(name="a ClusterConfig of eksctl", tool="eksctl", remedy=_STACKS)
PARALLEL_CLUSTER: Final = OtherFormat(
    name="a cluster configuration of AWS ParallelCluster",
    tool="AWS ParallelCluster",
    remedy=_STACKS,
)
TERRAFORM_PLAN: Final = OtherFormat(name="a plan or state of Terraform as JSON", tool="Terraform", remedy=_TERRAFORM)
TERRAFORM: Final = OtherFormat(name="a Terraform configuration", tool="Terraform", remedy=_TERRAFORM)
KUBERNETES: Final = OtherFormat(name="a Kubernetes manifest", tool="Kubernetes", remedy=_MANIFESTS)
HELM: Final = OtherFormat(name="a chart, a template or values of Helm", tool="Helm", remedy=_MANIFESTS)
ASSEMBLY: Final = OtherFormat(
    name="the manifest of a CDK cloud assembly",
    tool="CDK cloud assemblies",
    remedy="name the assembly's folder",
)
SERVERLESS: Final = OtherFormat(
    name="a serverless.yml",
    tool="the Serverless Framework",
    remedy="run `serverless package`, and check .serverless/cloudformation-template-update-stack.json",
)
OTHER_FORMATS: Final = (EKSCTL, PARALLEL_CLUSTER, TERRAFORM_PLAN, TERRAFORM, KUBERNETES, HELM, ASSEMBLY, SERVERLESS)

_TERRAFORM_ENDINGS: Final = (".tf", ".tfvars", ".tf.json", ".tfplan", ".tfstate", ".hcl")
_KEY: Final = re.compile(r"""^(?:["']?)([A-Za-z][A-Za-z_-]{0,39})["']?[ \t]{0,4}:(.{0,80})""", re.MULTILINE)
_BLOCK: Final = re.compile(r'^(?:resource|module|provider|terraform|variable|data)[ "].{0,200}\{', re.MULTILINE)
_OF_PLANS: Final = ("format_version", "lineage", "planned_values", "resources")
_OF_SERVERLESS: Final = ("functions", "resources", "plugins")
_JSON_KEYS: Final = ('"terraform_version"', '"apiVersion"', '"artifacts"', '"HeadNode"')
_GO_TEMPLATE: Final = re.compile(r"\{\{-? ?(?:\.Values|\.Release|include|template|if|range|with|toYaml)\b")


def refusal(name: str, other: OtherFormat) -> FleetError:
    """The error of a file that was named as a template and is another tool's."""
    return FleetError(path=name, got=other.name, expected="a CloudFormation template", remedy=other.remedy)


def by_ending(path: str) -> OtherFormat | None:
    """The format of a file whose name says it."""
    return TERRAFORM if path.endswith(_TERRAFORM_ENDINGS) else None


def recognised(text: str, path: str = "") -> OtherFormat | None:
    """The format of a text that is no template, as far as its beginning tells.

    Args:
        text: text of the file.
        path: its path. Default: not known.
    """
    beginning = text[:_MOST_CHARACTERS]
    keys = _keys(text, beginning)
    is_object = "apiVersion" in keys and "kind" in keys
    is_plan = "terraform_version" in keys and not keys.keys().isdisjoint(_OF_PLANS)
    checks = (
        (is_plan, TERRAFORM_PLAN),
        (by_ending(path) is not None, TERRAFORM),
        (is_object and keys["apiVersion"].startswith("eksctl.io/"), EKSCTL),
        (is_object, KUBERNETES),
        (keys.keys() >= {"HeadNode", "Scheduling"}, PARALLEL_CLUSTER),
        (keys.keys() >= {"artifacts", "version"}, ASSEMBLY),
        (keys.keys() >= {"service", "provider"} and not keys.keys().isdisjoint(_OF_SERVERLESS), SERVERLESS),
        (bool(_GO_TEMPLATE.search(beginning)) or _is_of_chart(path, keys), HELM),
        (bool(_BLOCK.search(beginning)), TERRAFORM),
    )
    return next((other for is_one, other in checks if is_one), None)


def _is_of_chart(path: str, keys: dict[str, str]) -> bool:
    """True for Chart.yaml, and for values by their name: nothing in them says what they are."""
    name = PurePosixPath(path).name
    if name == "Chart.yaml" or (keys.keys() >= {"apiVersion", "name", "version"} and "kind" not in keys):
        return True
    return name.startswith("values") and name.endswith((".yaml", ".yml")) and bool(keys)


def _keys(text: str, beginning: str) -> dict[str, str]:
    """Keys at the top of JSON or of YAML documents, with the text of their values."""
    if beginning.lstrip().startswith("{"):
        if not any(key in beginning for key in _JSON_KEYS):
            return {}
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return {key: value if isinstance(value, str) else "" for key, value in content.items()}
    found: dict[str, str] = {}
    for match in _KEY.finditer(beginning):
        found.setdefault(match.group(1), match.group(2).partition(" #")[0].strip().strip("\"'"))
    return found
