"""Served model: its recipe, its capacity, and as many replicas as the capacity holds."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ultrafleet.catalog.engine_options import engine_options, unknown_options
from ultrafleet.catalog.models import Model
from ultrafleet.catalog.rack_recipes import RACK_RECIPES
from ultrafleet.catalog.serving_recipes import ServingRecipe, serving_recipe
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.inference.rack_scale import RackScale
from ultrafleet.kubernetes.manifest import object_name
from ultrafleet.kubernetes.node_images import check_image
from ultrafleet.queueing.flavors import Flavor

_NAME_LENGTH = 40  # LeaderWorkerSet and its StatefulSets add to it
_GIB = 1024**3
_GB = 1000**3

WEIGHTS_MOUNT: Final = "/models"
"""Path in an engine's pod where the copies of its node are."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A model on a flavor of nodes, checked.

    Attributes:
        name: name of the endpoint, its namespace and its objects, up to 40 characters, with `rack_scale` 36.
        model: the model.
        flavor: capacity that serves it.
        weights: `s3://bucket/prefix` of its files, with `o200k_base.tiktoken` under `encodings/` for gpt-oss.
        recipe: how it runs.
        min_replicas: replicas that are always there, at least 1: a replica that isn't there has no queue to look at.
        max_replicas: most replicas. Equal to `min_replicas`: it isn't scaled.
        waiting_requests_per_replica: requests that may wait for each replica before one more is started.
        image: the engine's image. Default: the engine's own.
        args: arguments of the engine after the recipe's, which they override.
        engine_options: keys of TensorRT-LLM's file of options over the recipe's. Default: the recipe's.
        rack_scale: nodes of each UltraServer that serve the model together, prefill and decode apart; a replica is an
            UltraServer then, and `recipe` that of its decode. Not run on hardware. Default: replicas stand alone.
    """

    name: str
    model: Model
    flavor: Flavor
    weights: str
    recipe: ServingRecipe
    min_replicas: int = 1
    max_replicas: int = 1
    waiting_requests_per_replica: int = 8
    image: str | None = None
    args: tuple[str, ...] = ()
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    rack_scale: RackScale | None = None

    def __post_init__(self) -> None:
        object_name("name of the endpoint", self.name, most=_NAME_LENGTH - 4 if self.rack_scale else _NAME_LENGTH)
        if not self.weights.startswith("s3://") or len(self.weights.split("/")) < 4 or self.weights.endswith("/"):  # noqa: PLR2004 - s3:, "", bucket, prefix
            raise FleetError(
                path="weights",
                got=repr(self.weights),
                expected="s3://BUCKET/PREFIX without a slash at the end",
                remedy="say where the model's files are",
            )
        if self.rack_scale is not None:
            self._check_rack_scale(self.rack_scale)
        self._check_recipe()
        if self.image is not None:
            check_image("image", self.image, self.flavor.pools[0], instead="another, or none: the engine's is for both")
        self._check_channel()
        self._check_options()
        self._check_store()
        most = self.replicas_that_fit
        if not 1 <= self.min_replicas <= self.max_replicas <= most:
            raise FleetError(
                path="min_replicas",
                got=f"{self.min_replicas} and max_replicas {self.max_replicas}",
                expected=f"1 <= min_replicas <= max_replicas <= {most}",
                remedy=f"{self.flavor.capacity} for {self.flavor.workload} holds that many of {self._size}",
            )
        if self.is_scaled and self.recipe.engine.queue_metric is None:
            raise UnknownFactError(
                path="max_replicas",
                got=self.max_replicas,
                expected=f"min_replicas, {self.min_replicas}",
                remedy=(
                    f"no released version of {self.recipe.engine.name} counts waiting requests: make them "
                    "equal, or pass a recipe with another engine"
                ),
            )
        if self.waiting_requests_per_replica < 1:
            raise FleetError(
                path="waiting_requests_per_replica",
                got=self.waiting_requests_per_replica,
                expected="1 or more",
                remedy="pass another",
            )

    @staticmethod
    def recipe_for(model: Model, flavor: Flavor) -> ServingRecipe:
        """The published recipe of a model on a flavor's nodes.

        Raises:
            UnknownFactError: none is published.
        """
        instance_type = flavor.pools[0].instance_type
        if (model.name, instance_type.family) in RACK_RECIPES:
            raise UnknownFactError(
                path="rack_scale",
                got="none",
                expected=f"nodes of prefill and of decode: {model.name} is published over UltraServers alone",
                remedy="state rack_scale, or pass recipe=ServingRecipe(engine=..., gpus=..., args=...)",
            )
        return serving_recipe(model.name, instance_type)

    @property
    def all_args(self) -> tuple[str, ...]:
        """Arguments of the engine: the recipe's, then those of the endpoint."""
        return (*self.recipe.args, *self.args)

    @property
    def all_engine_options(self) -> dict[str, Any]:
        """TensorRT-LLM's file of options: the recipe's, and those of the endpoint over them."""
        return {**self.recipe.engine_options, **self.engine_options}

    @property
    def is_scaled(self) -> bool:
        """True if the number of replicas follows the queue."""
        return self.max_replicas > self.min_replicas

    @property
    def replicas_that_fit(self) -> int:
        """Replicas that the flavor holds when a block of each pool runs; a second, overlapping one isn't counted."""
        if self.rack_scale is not None:
            return len(self.flavor.pools)
        per_node = self.flavor.pools[0].accelerators_per_node // self.recipe.gpus
        if self.recipe.nodes == 1:
            return self.flavor.nodes_at_hand * per_node
        if not self.flavor.is_ultraserver:
            return self.flavor.nodes_at_hand // self.recipe.nodes
        return len(self.flavor.pools) * (self.flavor.nodes_per_ultraserver // self.recipe.nodes)

    @property
    def engine_image(self) -> str:
        """The engine's image."""
        return self.image or self.recipe.engine.image

    @property
    def weights_copy(self) -> str:
        """Name of the copy on a node: another for each address, so that none is changed under an engine."""
        return hashlib.sha256(self.weights.encode()).hexdigest()[:12]

    @property
    def directory(self) -> str:
        """Path of the weights in a pod. Its last part is the model's name for engines that have no option for one."""
        return f"{WEIGHTS_MOUNT}/{self.weights_copy}/{self.model.name}"

    @property
    def claims_channel(self) -> bool:
        """True if each pod claims the channel of its node: several GPUs where NVLink spans nodes, or the recipe says.

        On Grace, engines export memory to their own GPUs by handles that need a channel, also on one node (CUDA driver
        API: handles of type FABRIC; NVIDIA/TensorRT-LLM 1.2, attention data parallelism, medium).
        """
        if not self.flavor.pools[0].has_multi_node_nvlink:
            return False
        stated = self.recipe.imex_channel
        return self.recipe.gpus * self.recipe.nodes > 1 if stated is None else stated

    @property
    def service(self) -> str:
        """Service before the replicas; LeaderWorkerSet makes one of its own under the endpoint's name."""
        return f"{self.name}-server"

    @property
    def address(self) -> str:
        """Address of that service in the cluster."""
        return f"http://{self.service}.{self.name}.svc.cluster.local:{self.recipe.engine.port}"

    @property
    def _size(self) -> str:
        if self.rack_scale is not None:
            return f"{self.rack_scale.nodes} nodes of an UltraServer each"
        return f"{self.recipe.gpus * self.recipe.nodes} GPUs"

    def _check_rack_scale(self, rack: RackScale) -> None:
        node = self.flavor.pools[0]
        if not (self.flavor.is_ultraserver and node.has_multi_node_nvlink):
            raise FleetError(
                path="rack_scale",
                got=f"on {self.flavor.capacity}",
                expected="UltraServers whose NVLink joins their nodes",
                remedy="choose a pool of them, or leave rack_scale out",
            )
        if rack.nodes > self.flavor.nodes_per_ultraserver:
            raise FleetError(
                path="rack_scale",
                got=f"{rack.nodes} nodes of each UltraServer",
                expected=f"at most {self.flavor.nodes_per_ultraserver}, what {self.flavor.capacity} has without spares",
                remedy="take a smaller layout, or fewer spare nodes",
            )
        for role in (rack.recipe.prefill, rack.recipe.decode):
            if role.gpus != node.accelerators_per_node or role.engine.name != "vllm":
                raise FleetError(
                    path="rack_scale.recipe",
                    got=f"{role.engine.name} on {role.gpus} GPUs of a node",
                    expected=f"vllm on {node.accelerators_per_node}",
                    remedy="its router knows no other engine, and nodes aren't shared",
                )
        if self.recipe != rack.recipe.decode:
            raise FleetError(
                path="recipe",
                got="another than that of rack_scale's decode",
                expected="rack_scale.recipe.decode",
                remedy="pass it: requests go to decode",
            )
        if self.is_scaled:
            raise FleetError(
                path="max_replicas",
                got=self.max_replicas,
                expected=f"min_replicas, {self.min_replicas}: a replica is a whole UltraServer",
                remedy="make them equal",
            )

    def _check_recipe(self) -> None:
        node = self.flavor.pools[0]
        if node.instance_type.accelerator_kind != "nvidia":
            raise UnknownFactError(
                path=self.flavor.capacity,
                verb="has",
                got="no NVIDIA GPUs",
                expected="a pool that has",
                remedy="no recipe is known for others",
            )
        per_node = node.accelerators_per_node
        if not 1 <= self.recipe.gpus <= per_node or (self.recipe.nodes > 1 and self.recipe.gpus != per_node):
            raise FleetError(
                path="the recipe",
                verb="takes",
                got=f"{self.recipe.gpus} GPUs of each of {self.recipe.nodes} nodes",
                expected=f"at most {per_node}, and all of them on several nodes",
                remedy=f"{self.flavor.capacity} has {per_node}",
            )

        if self.recipe.engine.name == "tensorrt-llm" and self.recipe.nodes > 1 and self.image is None:
            # Its documentation starts one process for each GPU by MPI and trtllm-llmapi-launch (1.2.1, high).
            raise UnknownFactError(
                path="the recipe",
                verb="takes",
                got=f"{self.recipe.nodes} nodes for tensorrt-llm",
                expected="1: trtllm-serve reaches other nodes by MPI, which its image isn't started with here",
                remedy="pass a recipe with vllm, or an image of your own that starts it",
            )

    def _check_channel(self) -> None:
        per_node = self.flavor.pools[0].accelerators_per_node
        if self.claims_channel and self.recipe.gpus != per_node:
            raise FleetError(
                path="the recipe",
                verb="takes",
                got=f"{self.recipe.gpus} of {per_node} GPUs a node and an IMEX channel",
                expected=f"{per_node} GPUs: the DRA driver gives a node's one channel to one pod",
                remedy="take all GPUs of the node, or pass imex_channel=False for an engine that exports no memory",
            )

    def _check_store(self) -> None:
        for pool in self.flavor.pools:
            count, size = pool.instance_type.nvme_count, pool.instance_type.nvme_size_gb
            if count == 0 or not pool.joins_instance_store:
                raise FleetError(
                    path=f"pool {pool.pool_name}",
                    verb="has",
                    got="no NVMe disks" if count == 0 else "raid0_instance_store false",
                    expected="an instance store, joined to one volume, for the weights",
                    remedy="choose another pool" if count == 0 else "leave raid0_instance_store out",
                )
            if count and size and count * size * _GB < self.model.weights_gib * _GIB:
                raise FleetError(
                    path=f"the instance store of pool {pool.pool_name}",
                    verb="has",
                    got=f"{count} x {size} GB",
                    expected=f"room for {self.model.weights_gib} GiB of weights",
                    remedy="choose a pool with more, or correct weights_gib",
                )

    def _check_options(self) -> None:
        """Refuse what the engine's pinned version doesn't know: it would exit at once, or not read it."""
        engine = self.recipe.engine
        if self.all_engine_options and engine.name == "vllm":
            raise FleetError(
                path="engine_options",
                got=f"{', '.join(self.all_engine_options)} for {engine.name}",
                expected="none: it takes arguments alone",
                remedy="pass them as args",
            )
        if self.image is not None:
            return
        for name, near in unknown_options(
            engine, args=self.all_args, env=self.recipe.env, options=self.all_engine_options
        ):
            raise FleetError(
                path=f"an option of {engine.name}",
                got=name,
                expected=f"one that {engine.name} {engine_options()[engine.name].version} knows"
                + (f", such as {near}" if near else ""),
                remedy="correct it, leave it out, or pass an image of your own, whose options aren't checked",
            )
