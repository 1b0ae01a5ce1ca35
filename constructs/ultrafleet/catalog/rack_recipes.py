"""Recipes that are published for models over the NVLink domain of an UltraServer, prefill and decode apart.

A group is an engine on several nodes: its attention is data-parallel, its experts are spread over all of its GPUs.
Groups of prefill read prompts and hand the keys and values that they made to groups of decode, which write answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import gcd
from typing import Final

from ultrafleet.catalog.instance_type import InstanceType
from ultrafleet.catalog.serving_recipes import VLLM, ServingRecipe
from ultrafleet.catalog.source import CALLER, Confidence, Source
from ultrafleet.errors import UnknownFactError


@dataclass(frozen=True, kw_only=True)
class RackRecipe:
    """Recipe for a model over an UltraServer.

    Attributes:
        name: what tells it from others for the same model and nodes.
        prefill: a group that reads prompts: its nodes, GPUs of each, arguments and environment.
        decode: a group that writes answers.
        ratios: groups of prefill and of decode that were run beside each other, such as (3, 1). Default: any.
        start_minutes: minutes that a group may load weights and compile before it is started again. Default: 90.
        source: where this is known from.
    """

    name: str
    prefill: ServingRecipe
    decode: ServingRecipe
    ratios: tuple[tuple[int, int], ...] | None = None
    start_minutes: int = 90
    source: Source = CALLER

    def groups(self, prefill_nodes: int, decode_nodes: int) -> tuple[int, int] | None:
        """Groups of prefill and of decode on that many nodes, or None where the recipe has no such layout.

        A multiple of a ratio counts as one: each group of decode takes from as many of prefill as in the recipe.

        Args:
            prefill_nodes: nodes of prefill.
            decode_nodes: nodes of decode.
        """
        if prefill_nodes < 1 or decode_nodes < 1:
            return None
        if prefill_nodes % self.prefill.nodes or decode_nodes % self.decode.nodes:
            return None
        found = prefill_nodes // self.prefill.nodes, decode_nodes // self.decode.nodes
        return found if self.ratios is None or _lowest(found) in self.ratios else None

    @property
    def layouts(self) -> str:
        """Layouts in nodes, such as `2 + 2`: prefill and decode."""
        return ", ".join(
            f"{prefill * self.prefill.nodes} + {decode * self.decode.nodes}" for prefill, decode in self.ratios or ()
        )


def _lowest(groups: tuple[int, int]) -> tuple[int, int]:
    part = gcd(*groups)
    return groups[0] // part, groups[1] // part


_V4_ARGS = (
    "--tokenizer-mode=deepseek_v4",
    "--trust-remote-code",
    "--disable-access-log-for-endpoints=/health,/metrics",
    "--tensor-parallel-size=1",
    "--enable-expert-parallel",
    "--enable-ep-weight-filter",
    "--block-size=256",
    "--kv-cache-dtype=fp8",
    "--no-disable-hybrid-kv-cache-manager",
    # Memory that other nodes of the NVLink domain can read.
    "--enable-cumem-allocator",
)
_V4_ENV: Final[Mapping[str, str]] = {
    "VLLM_SKIP_P2P_CHECK": "1",
    "VLLM_RANDOMIZE_DP_DUMMY_INPUTS": "1",
    "VLLM_USE_DEEP_GEMM": "1",
    "VLLM_USE_NCCL_SYMM_MEM": "1",
    "TORCH_SYMMMEM": "NVSHMEM",
    "TILELANG_CLEANUP_TEMP_FILES": "1",
    "NCCL_CUMEM_ENABLE": "1",
    "NCCL_P2P_LEVEL": "NVL",
    "NCCL_SOCKET_IFNAME": "eth0",
    "GLOO_SOCKET_IFNAME": "eth0",
    # Keys and values over NVLink; what announces them over TCP, since EFA has no InfiniBand verbs for UCX.
    "UCX_TLS": "cuda_copy,cuda_ipc,tcp",
    "UCX_CUDA_IPC_ENABLE_MNNVL": "y",
    "UCX_MEMTYPE_CACHE": "n",
    "UCX_MEMTYPE_REG_WHOLE": "n",
}


def _transfer(role: str) -> str:
    connector = f'{{"kv_connector":"NixlConnector","kv_role":"{role}","kv_load_failure_policy":"fail"}}'
    return f"--kv-transfer-config={connector}"


_V4_SOURCE = Source(
    "llm-d, guides/wide-ep-lws/modelserver/gpu/vllm-deepseek-v4: DeepSeek-V4-Pro on GB200 with vLLM 0.24, tested by "
    "its authors on Oracle's GB200 nodes",
    address="https://github.com/llm-d/llm-d/pull/1737",
    also=(
        Source("on EC2's GB200 nodes, and with the library's version of vLLM: not run", Confidence.LOW),
        Source(
            "ai-dynamo/dynamo, recipes/deepseek-v4/deepseek-v4-pro: the same shape of groups, UCX over TCP beside "
            "NVLink, up to 90 minutes for a group's first start",
            address="https://github.com/ai-dynamo/dynamo/tree/main/recipes/deepseek-v4/deepseek-v4-pro",
        ),
    ),
)
_V4 = RackRecipe(
    name="ep8",
    prefill=ServingRecipe(
        engine=VLLM,
        gpus=4,
        nodes=2,
        args=(
            *_V4_ARGS,
            _transfer("kv_producer"),
            "--moe-backend=deep_gemm_mega_moe",
            "--gpu-memory-utilization=0.95",
            "--api-server-count=4",
            "--max-num-seqs=16",
            "--max-num-batched-tokens=32768",
            "--enforce-eager",
            "--no-async-scheduling",
            "--numa-bind",
        ),
        env={
            **_V4_ENV,
            "VLLM_SPARSE_INDEXER_MAX_LOGITS_MB": "1024",
            "VLLM_MAX_TOKENS_PER_EXPERT_FP4_MOE": "2048",
            "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": "120",
        },
        source=_V4_SOURCE,
    ),
    decode=ServingRecipe(
        engine=VLLM,
        gpus=4,
        nodes=2,
        args=(
            *_V4_ARGS,
            _transfer("kv_consumer"),
            "--moe-backend=deep_gemm_mega_moe",
            "--gpu-memory-utilization=0.85",
            "--api-server-count=1",
            "--max-num-seqs=512",
            "--max-num-batched-tokens=512",
            "--max-cudagraph-capture-size=512",
            "--stream-interval=50",
            '--compilation-config={"cudagraph_mode":"FULL_DECODE_ONLY","mode":0}',
        ),
        env=_V4_ENV,
        source=_V4_SOURCE,
    ),
    ratios=((1, 1), (2, 1), (3, 1)),
    source=_V4_SOURCE,
)
_V4_WIDE = replace(
    _V4,
    name="ep8-ep16",
    decode=replace(
        _V4.decode,
        nodes=4,
        args=(
            *(arg for arg in _V4.decode.args if not arg.startswith("--moe-backend")),
            "--moe-backend=auto",
            "--all2all-backend=flashinfer_nvlink_one_sided",
        ),
    ),
    ratios=((3, 2),),
)

RACK_RECIPES: Final[Mapping[tuple[str, str], tuple[RackRecipe, ...]]] = {
    ("deepseek-v4-pro", "p6e-gb200"): (_V4, _V4_WIDE),
}
"""Published recipes by model and family of instance types."""


def rack_recipe(
    model_name: str, instance_type: InstanceType, *, prefill_nodes: int, decode_nodes: int
) -> tuple[RackRecipe, tuple[int, int]]:
    """The published recipe with that many nodes of each kind, and its groups of prefill and of decode.

    Args:
        model_name: name of the model.
        instance_type: type of the nodes.
        prefill_nodes: nodes of an UltraServer that read prompts.
        decode_nodes: nodes of it that write answers.

    Raises:
        UnknownFactError: no recipe is published for the model on these nodes, or none with such a layout; the message
            says which are, and what to pass.
    """
    recipes = RACK_RECIPES.get((model_name, instance_type.family), ())
    if not recipes:
        known = ", ".join(f"{model} on {family}" for model, family in RACK_RECIPES)
        raise UnknownFactError(
            path="no recipe",
            got=f"published for {model_name} over UltraServers of {instance_type}",
            expected=f"one of {known}",
            remedy="pass rack_scale=RackScale(recipe=RackRecipe(...), ...), or serve it by node: leave rack_scale out",
        )
    for recipe in recipes:
        groups = recipe.groups(prefill_nodes, decode_nodes)
        if groups is not None:
            return recipe, groups
    raise UnknownFactError(
        path="rack_scale",
        got=f"{prefill_nodes} nodes of prefill and {decode_nodes} of decode",
        expected=f"{', '.join(recipe.layouts for recipe in recipes)}, or a multiple",
        remedy=f"these are published for {model_name}: pass one, or a RackRecipe of your own",
    )
