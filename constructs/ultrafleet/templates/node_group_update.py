"""Update of a node group: what happens to the group and to the nodes on it, by the classification of its properties.

Preflight compares a live node group with a synthesised one, review two revisions of a template, the tests every edit of
an environment file. All of them take what happens to running nodes from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.templates.node_group import NODE_GROUP
from ultrafleet.templates.refused_updates import Refusal
from ultrafleet.templates.template_changes import ResourceChange, template_changes
from ultrafleet.templates.update_effects import Effect

_TAGS: Final = "Tags/"
_SIZES: Final = "ScalingConfig/"
_LOGICAL_ID: Final = "NodeGroup"


@dataclass(frozen=True, kw_only=True)
class NodeGroupUpdate:
    """Paths of the properties that change, by what their change does.

    Attributes:
        refused: CloudFormation refuses the update and rolls the stack back.
        refusals: changes that EKS refuses together: a launch template version, Version or ReleaseVersion with anything
            else; `refused` is then true. Each has its paths, its reason, its remedy and its source.
        replaced: properties that can't be changed in place.
        unchangeable: properties whose change the service refuses.
        rolled: properties whose change replaces every node.
        sizes: sizes that change; CloudFormation then sends all three of them.
        schedule_tags: tags that change and that the block schedule reads.
        unclassified: properties whose effect isn't classified.
    """

    refused: bool = False
    refusals: tuple[Refusal, ...] = ()
    replaced: tuple[str, ...] = ()
    unchangeable: tuple[str, ...] = ()
    rolled: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    schedule_tags: tuple[str, ...] = ()
    unclassified: tuple[str, ...] = ()


def node_group_update(change: ResourceChange) -> NodeGroupUpdate:
    """Sort the changes of a node group's properties by their effects."""

    def paths(*effects: Effect) -> tuple[str, ...]:
        return tuple(item.path for item in change.properties if item.effect in effects)

    resized = paths(Effect.RESIZES)
    return NodeGroupUpdate(
        refused=change.refused,
        refusals=change.refusals,
        replaced=paths(Effect.REPLACES, Effect.MAY_REPLACE),
        unchangeable=paths(Effect.REFUSED),
        rolled=paths(Effect.ROLLS_NODES),
        sizes=tuple(path for path in resized if path.startswith(_SIZES)),
        schedule_tags=tuple(path.removeprefix(_TAGS) for path in resized if path.startswith(_TAGS)),
        unclassified=paths(Effect.UNCLASSIFIED),
    )


def update_of_live_node_group(live: Mapping[str, Any], synthesised: Mapping[str, Any]) -> NodeGroupUpdate:
    """Compare a node group as AWS describes it with one that is about to be deployed.

    Only what both sides state plainly is compared: AWS also describes defaults that no template states, and a template
    refers to what only a deployment knows. The desired size isn't compared, because the block schedule moves it.

    Args:
        live: `nodegroup` of `eks:DescribeNodegroup`.
        synthesised: properties of the `AWS::EKS::Nodegroup`.
    """
    before = _as_stated(_properties(live), synthesised)
    changes = template_changes(_template(before), _template(synthesised)).resources
    return node_group_update(changes[0]) if changes else NodeGroupUpdate()


def _template(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"Resources": {_LOGICAL_ID: {"Type": NODE_GROUP, "Properties": properties}}}


_MAPS: Final = {"labels": "Labels", "tags": "Tags"}
"""Members of the answer whose keys are the user's own."""


def _properties(live: Mapping[str, Any]) -> dict[str, Any]:
    """Members of the answer under their names in CloudFormation: the same, capitalised (EKS API reference, high)."""
    return {_capital(key): dict(value) if key in _MAPS else _capitalised(value) for key, value in live.items()}


def _capitalised(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {_capital(key): _capitalised(item) for key, item in value.items()}
    return value


def _capital(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"


def _as_stated(live: Mapping[str, Any], synthesised: Mapping[str, Any]) -> dict[str, Any]:
    """The synthesised properties, with the live value wherever both sides state one."""
    stated: dict[str, Any] = {name: _live_value(live.get(name), ours) for name, ours in synthesised.items()}
    # A tag counts when it is taken out, too. Taints don't: AWS writes their effects in another way.
    ours = synthesised.get("Tags", {})
    stated["Tags"] = {key: _live_value(value, ours.get(key, value)) for key, value in live.get("Tags", {}).items()}
    if "Taints" in synthesised:
        stated["Taints"] = synthesised["Taints"]
    scaling = synthesised.get("ScalingConfig")
    if isinstance(scaling, Mapping) and "DesiredSize" in scaling:
        stated["ScalingConfig"] = {**stated["ScalingConfig"], "DesiredSize": scaling["DesiredSize"]}
    return stated


def _live_value(theirs: Any, ours: Any) -> Any:  # noqa: ANN401 - JSON
    """The live value; the synthesised one where they mean the same, or only a deployment can compare them."""
    if theirs is None or _is_function(ours):
        return ours
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return {key: _live_value(theirs.get(key), value) for key, value in ours.items()}
    if isinstance(ours, list) and isinstance(theirs, list):
        alike = any(map(_is_function, ours)) or sorted(map(str, ours)) == sorted(map(str, theirs))
        return ours if alike else theirs
    return ours if str(theirs).lower() == str(ours).lower() else theirs


def _is_function(value: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(value, Mapping) and any(key == "Ref" or str(key).startswith("Fn::") for key in value)
