"""A model over whole UltraServers: how many of their nodes read prompts, and how many write answers."""

from dataclasses import dataclass
from math import gcd
from typing import Any

from ultrafleet.catalog.models import Model
from ultrafleet.catalog.rack_recipes import RACK_RECIPES, RackRecipe, rack_recipe
from ultrafleet.catalog.serving_throughput import published_throughput
from ultrafleet.catalog.source import Fact, Source
from ultrafleet.errors import FleetError
from ultrafleet.queueing.flavors import Flavor

ROUTER_IMAGE = "vllm/vllm-router:v0.1.17"
"""vLLM's router between prefill and decode, amd64 and arm64 (the project's release pipeline; tag: medium)."""

ROUTER_SOURCE = Source(
    "vllm-project/router, docs/model-routing/pd-disaggregation.md and docs/cli_reference.md; run from the wheel 0.1.17",
    address="https://github.com/vllm-project/router",
)


@dataclass(frozen=True, kw_only=True)
class RackScale:
    """Nodes of each UltraServer that serve a model together, prefill and decode apart.

    Attributes:
        prefill_nodes: nodes that read prompts.
        decode_nodes: nodes that write answers.
        recipe: how groups of both run.
        router_image: image of vLLM's router.
    """

    prefill_nodes: int
    decode_nodes: int
    recipe: RackRecipe
    router_image: str = ROUTER_IMAGE

    def __post_init__(self) -> None:
        if self.recipe.groups(self.prefill_nodes, self.decode_nodes) is None:
            raise FleetError(
                path="rack_scale",
                got=f"{self.prefill_nodes} nodes of prefill and {self.decode_nodes} of decode",
                expected=(
                    f"{self.recipe.layouts}, or a multiple"
                    if self.recipe.ratios
                    else f"multiples of {self.recipe.prefill.nodes} and of {self.recipe.decode.nodes}"
                ),
                remedy=f"these are layouts of the recipe {self.recipe.name}",
            )

    @staticmethod
    def published(model: Model, flavor: Flavor, *, prefill_nodes: int, decode_nodes: int) -> "RackScale":
        """The layout by a published recipe for the model on a flavor's nodes.

        Args:
            model: the model.
            flavor: capacity that serves it.
            prefill_nodes: nodes of each UltraServer that read prompts.
            decode_nodes: nodes of each that write answers.

        Raises:
            UnknownFactError: none is published.
        """
        recipe, _ = rack_recipe(
            model.name, flavor.pools[0].instance_type, prefill_nodes=prefill_nodes, decode_nodes=decode_nodes
        )
        return RackScale(prefill_nodes=prefill_nodes, decode_nodes=decode_nodes, recipe=recipe)

    @property
    def nodes(self) -> int:
        """Nodes of each UltraServer."""
        return self.prefill_nodes + self.decode_nodes

    @property
    def prefill_groups(self) -> int:
        """Groups of prefill in each UltraServer."""
        return self.prefill_nodes // self.recipe.prefill.nodes

    @property
    def decode_groups(self) -> int:
        """Groups of decode in each UltraServer."""
        return self.decode_nodes // self.recipe.decode.nodes

    def tokens_per_gpu(self, model: Model, flavor: Flavor) -> Fact[Any] | None:
        """Published tokens a second of a GPU in this ratio of groups, read and written; None of a recipe of your own.

        Args:
            model: the model.
            flavor: capacity that serves it.
        """
        family = flavor.pools[0].instance_type.family
        if self.recipe not in RACK_RECIPES.get((model.name, family), ()):
            return None
        part = gcd(self.prefill_groups, self.decode_groups)
        ratio = f"{self.prefill_groups // part}-prefill-{self.decode_groups // part}-decode"
        return published_throughput(model.name, family, ratio)
