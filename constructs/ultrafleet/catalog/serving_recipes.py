"""Engines that serve a model, and the recipes that are published for models on types of nodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ultrafleet.catalog.instance_type import InstanceType
from ultrafleet.catalog.source import CALLER, Confidence, Source
from ultrafleet.errors import UnknownFactError


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A server of models.

    Attributes:
        name: what it is called.
        image: container image, for amd64 and arm64.
        port: port of its OpenAI API, its health and its metrics.
        health_path: answers 200 when the model is served.
        metrics_path: where Prometheus metrics are; None where no version with a queue depth is released.
        queue_metric: gauge of requests that wait, in Prometheus' selector; None likewise. Autoscaling needs it.
        source: where this is known from.
    """

    name: str
    image: str
    port: int
    health_path: str
    metrics_path: str | None
    queue_metric: str | None
    source: Source


VLLM = Engine(
    name="vllm",
    image="vllm/vllm-openai:v0.30.0",
    port=8000,
    health_path="/health",
    metrics_path="/metrics",
    queue_metric="vllm:num_requests_waiting",
    source=Source(
        "docs.vllm.ai, metrics and deployment",
        address="https://docs.vllm.ai",
        also=(
            Source(
                "image tag on Docker Hub, 2026-09, multi-platform",
                Confidence.MEDIUM,
                "https://hub.docker.com/r/vllm/vllm-openai",
            ),
        ),
    ),
)

TENSORRT_LLM = Engine(
    name="tensorrt-llm",
    image="nvcr.io/nvidia/tensorrt-llm/release:1.2.1",
    port=8000,
    health_path="/health",
    # `/prometheus/metrics` came with 1.1; its gauge of waiting requests only with 1.3, which is not released
    # (NVIDIA/TensorRT-LLM #12545, medium).
    metrics_path=None,
    queue_metric=None,
    source=Source(
        "NVIDIA/TensorRT-LLM, deployment guide for gpt-oss",
        address="https://github.com/NVIDIA/TensorRT-LLM",
        also=(Source("newest release 2026-04", Confidence.MEDIUM),),
    ),
)

ENGINES: Final = (VLLM, TENSORRT_LLM)
"""Every engine that a recipe names."""


@dataclass(frozen=True, kw_only=True)
class ServingRecipe:
    """Recipe for a model on a type of node: engine, parallelism, arguments.

    Attributes:
        engine: the server.
        gpus: GPUs of one replica.
        args: arguments of the engine, beside model, name, host and port.
        env: environment.
        engine_options: TensorRT-LLM's YAML options, given as a file.
        nodes: nodes of one replica; more than one is a LeaderWorkerSet group.
        imex_channel: whether its pods claim an IMEX channel where NVLink spans nodes. Default: those of several GPUs.
        source: where this is known from.
    """

    engine: Engine
    gpus: int
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    nodes: int = 1
    imex_channel: bool | None = None
    source: Source = CALLER


_VLLM_ARGS = (
    "--tensor-parallel-size=1",
    "--gpu-memory-utilization=0.9",
    "--max-num-batched-tokens=8192",
    "--tool-call-parser=openai",
    "--enable-auto-tool-choice",
)
_HOPPER = ServingRecipe(
    engine=VLLM,
    gpus=1,
    args=_VLLM_ARGS,
    source=Source("vllm-project/recipes, OpenAI/GPT-OSS.md", address="https://github.com/vllm-project/recipes"),
)
_BLACKWELL = ServingRecipe(
    engine=VLLM,
    gpus=1,
    # In the place of VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8, which 0.30.0 doesn't read; compute capability 10.0 only.
    args=(*_VLLM_ARGS, "--kv-cache-dtype=fp8", "--quantization-config.moe.activation", "mxfp8"),
    source=Source(
        "vllm-project/recipes, OpenAI/GPT-OSS.md, and #902 for the activation since vLLM 0.22",
        address="https://github.com/vllm-project/recipes",
    ),
)
_GB200 = ServingRecipe(
    engine=TENSORRT_LLM,
    gpus=4,
    args=("--tp_size=4", "--ep_size=4", "--max_batch_size=720", "--max_num_tokens=16384"),
    env={"TRTLLM_ENABLE_PDL": "1"},
    engine_options={
        "enable_attention_dp": True,
        "cuda_graph_config": {"enable_padding": True, "max_batch_size": 720},
        "moe_config": {"backend": "TRTLLM"},
        "stream_interval": 20,
        "num_postprocess_workers": 4,
    },
    source=Source(
        "ai-dynamo/dynamo, recipes/gpt-oss-120b/trtllm/agg: 4 GPUs, TP and EP 4; NVIDIA/TensorRT-LLM, "
        "gpt-oss-120b-throughput.yaml: batch sizes and backend"
    ),
)

RECIPES: Final[Mapping[tuple[str, str], ServingRecipe]] = {
    ("gpt-oss-120b", "p5"): _HOPPER,
    ("gpt-oss-120b", "p5e"): _HOPPER,
    ("gpt-oss-120b", "p5en"): _HOPPER,
    ("gpt-oss-120b", "p6-b200"): _BLACKWELL,
    ("gpt-oss-120b", "p6e-gb200"): _GB200,
    ("gpt-oss-20b", "p5"): _HOPPER,
    ("gpt-oss-20b", "p5e"): _HOPPER,
    ("gpt-oss-20b", "p5en"): _HOPPER,
    ("gpt-oss-20b", "p6-b200"): _BLACKWELL,
}


def serving_recipe(model_name: str, instance_type: InstanceType) -> ServingRecipe:
    """The published recipe of a model on a type of node.

    Raises:
        UnknownFactError: none is published; the message says what to pass.
    """
    recipe = RECIPES.get((model_name, instance_type.family))
    if recipe is None:
        known = ", ".join(sorted({f"{model} on {family}" for model, family in RECIPES}))
        raise UnknownFactError(
            path="no recipe",
            got=f"published for {model_name} on {instance_type}",
            expected=f"one of {known}",
            remedy="pass recipe=ServingRecipe(engine=..., gpus=..., args=...), or choose another pool",
        )
    return recipe
