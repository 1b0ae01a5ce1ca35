"""Rule about what the others haven't looked at: an absence of findings that would otherwise look like approval."""

from collections.abc import Iterator
from typing import Any, Final

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell
from ultrafleet.templates.for_each import PREFIX
from ultrafleet.templates.intrinsics import FUNCTIONS
from ultrafleet.templates.launch import BLOCK_MARKET, LAUNCH_TEMPLATE, Launch, launches
from ultrafleet.templates.linking import NESTED, nested_file
from ultrafleet.templates.node_group import GROUPS, names_launched
from ultrafleet.templates.template import Resource, Template, mapping
from ultrafleet.templates.unknown import Unknown

_READ: Final = frozenset(
    {
        LAUNCH_TEMPLATE,
        *GROUPS,
        "AWS::Batch::ComputeEnvironment",
        "AWS::EC2::CapacityReservation",
        "AWS::EC2::EC2Fleet",
        "AWS::EC2::Instance",
        "AWS::EC2::SpotFleet",
        "AWS::ResourceGroups::Group",
        "AWS::SageMaker::Cluster",
    }
)
"""Types with instance types of their own that rules look at, or that launch nothing."""
_ABOUT: Final = ("AWS::IAM::", "AWS::CloudWatch::", "AWS::SSM::Parameter", "AWS::Logs::", "AWS::Budgets::")
"""Types that name instance types and launch none."""
_TYPES: Final = {item.name for item in InstanceType.all() if item.name and item.accelerator_kind is not None}
_FAMILIES: Final = {name.partition(".")[0] for name in _TYPES}
_SAGEMAKER: Final = "ml."
_READ_MACROS: Final = frozenset(
    {"AWS::LanguageExtensions", "AWS::SecretsManager-2020-07-23", "AWS::SecretsManager-2024-09-16"}
)
"""Transforms that are read here, or that make nothing but functions that rotate secrets."""
_ELSEWHERE: Final = {
    "AWS::CloudFormation::StackSet": "its template is deployed in other accounts and regions",
    "AWS::ServiceCatalog::CloudFormationProvisionedProduct": "its template is the product's",
    "AWS::Serverless::Application": "its template is another application's",
}
_MODULE: Final = "::MODULE"
_OF_RULES: Final = frozenset(
    f"Fn::{name}" for name in ("Contains", "EachMemberEquals", "EachMemberIn", "RefAll", "ValueOf", "ValueOfAll")
)
"""Functions of the section Rules, which asserts what parameters are and makes nothing; the CDK writes one."""


def _unread(template: Template) -> Iterator[Problem]:
    entries = mapping(template.content.get("Resources"))
    for name in template.unread:
        if str(name).startswith(PREFIX):
            why = "a loop over what isn't known"
        elif "Fn::Transform" in (name, *mapping(entries.get(name))):
            why = "a transform"
        else:
            why = "it states no type"
        yield cannot_tell(str(name), "which resources it makes", why)
    for macro in _macros(template.content.get("Transform")):
        yield cannot_tell("", "which resources there are", f"macro {macro} changes the template before it is deployed")
    for name, entry in entries.items():
        for function in dict.fromkeys(_foreign_functions(entry)):
            yield cannot_tell(str(name), "what it states", _foreign(function))
    rest = {key: item for key, item in template.content.items() if key not in ("Resources", "Transform", "Metadata")}
    of_rules = set(_foreign_functions(rest.pop("Rules", None))) - _OF_RULES
    for function in dict.fromkeys((*_foreign_functions(rest), *sorted(of_rules))):
        yield cannot_tell("", "what the template states", _foreign(function))


def _macros(stated: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Macros of a template that aren't read here."""
    for item in stated if isinstance(stated, list) else [] if stated is None else [stated]:
        name = item if isinstance(item, str) else mapping(item).get("Name")
        if name not in _READ_MACROS:
            yield str(name) if isinstance(name, str) else "without a name"


def _foreign(function: str) -> str:
    if function == "Fn::Transform":
        return "Fn::Transform adds what a macro makes"
    return f"{function} is no function of CloudFormation"


def _is_foreign(key: object) -> bool:
    """True for a function whose result nothing here knows."""
    if not isinstance(key, str) or not key.startswith("Fn::") or key.startswith(PREFIX):
        return False
    return key == "Fn::Transform" or key not in FUNCTIONS


def _foreign_functions(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Functions anywhere in JSON whose result nothing here knows."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield from filter(_is_foreign, item)
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def _unread_resources(template: Template) -> Iterator[Problem]:
    for resource in template.resources.values():
        if resource.type == NESTED:
            if not _is_at_hand(template, resource):
                file = nested_file(resource.raw)
                named = f"{file} isn't" if file else "it isn't"
                yield cannot_tell(resource.logical_id, "what the nested stack makes", f"{named} among the templates")
        elif resource.type in _ELSEWHERE:
            yield cannot_tell(resource.logical_id, "what it makes", _ELSEWHERE[resource.type])
        elif resource.type.endswith(_MODULE):
            yield cannot_tell(resource.logical_id, "what it makes", f"{resource.type} is a module of the account's")
        elif resource.type not in _READ and not resource.type.startswith(_ABOUT):
            kinds = dict.fromkeys(_accelerated(resource.properties))
            if kinds:
                yield cannot_tell(
                    resource.logical_id,
                    f"whether {', '.join(kinds)} launch as they should",
                    f"no rule knows how {resource.type} launches them",
                )


def _is_at_hand(template: Template, resource: Resource) -> bool:
    together = template.together
    return (template.name, resource.logical_id) in together.children or nested_file(resource.raw) in together.files


def _accelerated(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Accelerated instance types that are values somewhere in JSON: names, or families where a type is asked for."""
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        key, item = pending.pop()
        if isinstance(item, str):
            plain = item.strip().removeprefix(_SAGEMAKER)
            if plain in _TYPES or ("type" in key.lower() and plain.removesuffix(".*") in _FAMILIES):
                yield item.strip()
        elif isinstance(item, dict):
            pending += item.items()
        elif isinstance(item, list):
            pending += [(key, part) for part in item]
        elif isinstance(item, Unknown):
            pending += [(key, part) for part in (*item.options, item.text)]


def _untyped(template: Template) -> Iterator[Problem]:
    launched = names_launched(template)
    for launch in launches(template):
        names = launched.get(launch.resource.logical_id, [])
        if names and all(isinstance(name, str) for name in names):
            continue
        if not _is_accelerated(launch) or _is_told_of_its_layout(launch, names):
            continue
        unknown = next((name for name in names if isinstance(name, Unknown)), None)
        why = "no instance type is stated here" if unknown is None else unknown.reason
        if unknown is None or launch.get("InstanceType") is not unknown:
            yield cannot_tell(launch.resource.logical_id, "whether its interfaces and market suit its type", why)


def _is_told_of_its_layout(launch: Launch, names: list[Any]) -> bool:
    """True if rule efa-layout tells of the same unknown type."""
    has_layout = launch.has_efa and launch.layout is not None and not isinstance(launch.layout, Unknown)
    return has_layout and (not names or isinstance(names[0], Unknown))


def _is_accelerated(launch: Launch) -> bool:
    return launch.has_efa or len(launch.interfaces) > 1 or launch.market == BLOCK_MARKET


def _check(template: Template) -> Iterator[Problem]:
    yield from _unread(template)
    yield from _unread_resources(template)
    yield from _untyped(template)


RULES = (
    PolicyRule(
        id="unread",
        number=42,
        severity=Severity.UNKNOWN,
        protects_from="resources that no rule has looked at, which would look clean",
        source=Source(
            "CloudFormation user guide, Fn::ForEach, transforms and macros, nested stacks, modules, rule functions"
        ),
        remedy="give the parameters that a loop is over, name the nested template too, or check the processed template "
        "(`aws cloudformation get-template --template-stage Processed`)",
        check=_check,
    ),
)
