"""YAML loader: PyYAML's safe one, which refuses duplicate keys, and another that reads CloudFormation's short forms."""

from collections.abc import Hashable
from typing import Any, Final

import yaml

_MERGE: Final = "tag:yaml.org,2002:merge"

# libyaml where it is installed: as a parser it is ten times as fast.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UniqueKeyLoader(_Base):  # type: ignore[misc]  # one of two
    """Safe loader that refuses a duplicate key, naming its line, where PyYAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping whose keys are all different; one that `<<` merges may be stated again.

        Raises:
            ConstructorError: a key is there twice.
        """
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                break  # an error of its own, below
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"duplicate key {key!r}: remove one", key_node.start_mark
                )
            seen.add(key)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found


class TemplateLoader(UniqueKeyLoader):
    """Loader of CloudFormation templates: short intrinsics in their long form, and no timestamps.

    CloudFormation reads a date as text (CloudFormation user guide, template formats, high).
    """


_WITHOUT_PREFIX: Final = frozenset({"Ref", "Condition"})


def _intrinsic(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:  # noqa: ANN401 - one of two loaders
    """`!GetAtt A.B` as `{"Fn::GetAtt": ["A", "B"]}`."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in _WITHOUT_PREFIX else f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", _intrinsic)
TemplateLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
