"""Pools, jobs and models for tests, as plain values."""

from collections.abc import Sequence
from typing import Any

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.inference import Model, RackScale, Serving
from ultrafleet.inference.gateway import Gateway
from ultrafleet.jobs import TrainingJob, some_nodes, whole_ultraservers
from ultrafleet.kubernetes import PoolNodes, Taint, pool_labels
from ultrafleet.queueing import Flavor, fleet_flavors


def nodes(
    name: str,
    instance_type: str,
    count: int,
    *,
    efa: int,
    workload: str = "training",
    ultraserver: str | None = None,
    **changed: Any,
) -> PoolNodes:
    kind = InstanceType.of(instance_type)
    ultraserver_type = UltraServerType.of(ultraserver) if ultraserver else None
    key = "nvidia.com/gpu" if kind.accelerator_kind == "nvidia" else "aws.amazon.com/neuron"
    given: dict[str, Any] = {
        "pool_name": name,
        "workload": workload,
        "instance_type": kind,
        "nodes": count,
        "labels": pool_labels(name, kind, workload=workload, ultraserver_type=ultraserver_type),
        "taints": (Taint(key=key, value="true"),),
        "efa_interfaces": efa,
        "ultraserver_type": ultraserver_type,
    }
    return PoolNodes(**{**given, **changed})


def rack(name: str = "rack-a", *, workload: str = "training", **changed: Any) -> PoolNodes:
    return nodes(name, "p6e-gb200.36xlarge", 18, efa=4, workload=workload, ultraserver="u-p6e-gb200x72", **changed)


def b300(name: str = "b300", count: int = 2, **changed: Any) -> PoolNodes:
    return nodes(name, "p6-b300.48xlarge", count, efa=16, **changed)


def h200(name: str = "h200", count: int = 4, *, workload: str = "inference", **changed: Any) -> PoolNodes:
    return nodes(name, "p5en.48xlarge", count, efa=16, workload=workload, **changed)


def trainium(name: str = "trn", **changed: Any) -> PoolNodes:
    return nodes(name, "trn2u.48xlarge", 4, efa=16, ultraserver="u-trn2x64", **changed)


def flavor_of(pools: Sequence[PoolNodes], **options: Any) -> Flavor:
    (flavor,) = fleet_flavors(pools, **options)
    return flavor


def job(name: str = "llama", *, racks: int | None = 1, some: int | None = None, **changed: Any) -> TrainingJob:
    """A job on UltraServers: whole ones, or some nodes of one."""
    flavor = changed.pop("flavor", None) or flavor_of([rack(f"rack-{number}") for number in range(max(racks or 1, 2))])
    placement = some_nodes(flavor, some) if some else whole_ultraservers(flavor, racks or 1)
    given: dict[str, Any] = {
        "name": name,
        "namespace": "pretraining",
        "placement": placement,
        "image": "registry.example/train:1",
        "command": ("python", "train.py"),
    }
    return TrainingJob(**{**given, **changed})


def serving(name: str = "gpt-oss-120b", *, pool: PoolNodes | None = None, **changed: Any) -> Serving:
    flavor = changed.pop("flavor", None) or flavor_of([pool or h200()])
    model = changed.pop("model", Model.of("gpt-oss-120b"))
    given: dict[str, Any] = {
        "name": name,
        "model": model,
        "flavor": flavor,
        "weights": "s3://weights/gpt-oss-120b",
        "recipe": changed.pop("recipe", None) or Serving.recipe_for(model, flavor),
    }
    return Serving(**{**given, **changed})


RACK_MODEL = Model.of("deepseek-v4-pro")
"""A model with a published recipe over a rack."""


def racks(count: int = 1, **changed: Any) -> Any:
    pools = [rack(f"rack-{number}", workload="inference") for number in range(count)]
    return flavor_of(pools, spare_nodes_per_ultraserver=2, **changed)


def over_racks(prefill_nodes: int = 6, decode_nodes: int = 2, *, count: int = 1, **changed: Any) -> Serving:
    flavor = changed.pop("flavor", None) or racks(count)
    scale = changed.pop("rack_scale", None) or RackScale.published(
        RACK_MODEL, flavor, prefill_nodes=prefill_nodes, decode_nodes=decode_nodes
    )
    values: dict[str, Any] = {
        "model": RACK_MODEL,
        "recipe": scale.recipe.decode,
        "rack_scale": scale,
        "min_replicas": count,
        "max_replicas": count,
    }
    return serving("deepseek", flavor=flavor, **{**values, **changed})


def gateway(served: Serving | None = None, **changed: Any) -> Gateway:
    given: dict[str, Any] = {
        "serving": served or serving(),
        "key_secret_prefix": "prod-gpt-oss-120b-client",
        "region": "us-east-1",
        "subnets": ["prod-network-system-a"],
        "security_group": "prod-gpt-oss-120b-gateway",
        "plain_http": True,
        "bedrock_region": "us-west-2",
        "bedrock_model_id": "openai.gpt-oss-120b-1:0",
    }
    return Gateway(**{**given, **changed})
