"""Options of the engines: those that recipes and servers pass are known by the pinned version's own code."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from helpers.rehearsal_site import synthesised, text_of
from helpers.workloads import h200, nodes, serving
from tools import engine_options as tool
from ultrafleet.catalog.engine_options import engine_options, unknown_options
from ultrafleet.catalog.rack_recipes import RACK_RECIPES, RackRecipe
from ultrafleet.catalog.serving_recipes import ENGINES, RECIPES, TENSORRT_LLM, VLLM, Engine, ServingRecipe
from ultrafleet.catalog.source import CALLER
from ultrafleet.errors import FleetError
from ultrafleet.inference.server_manifests import server_manifests

OTHERS = {"HF_HUB_OFFLINE": "huggingface_hub", "TIKTOKEN_ENCODINGS_BASE": "openai/harmony", "DO_NOT_TRACK": "vllm"}
"""Variables that every server is given, and the program that reads them: huggingface_hub's and harmony's documents."""
OTHER_PREFIXES = ("NCCL_", "FI_", "OFI_")
"""How variables of NCCL, libfabric and the EFA plugin begin."""


def half_rack() -> Any:
    return nodes("rack-c", "p6e-gb200.36xlarge", 9, efa=4, workload="inference", ultraserver="u-p6e-gb200x36")


def unknown(engine: Engine, *args: str, env: Any = (), options: Any = ()) -> list[tuple[str, str]]:
    return list(unknown_options(engine, args=args, env=dict(env), options=dict(options)))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda item: item.name)
def test_options_are_those_of_the_pinned_image(engine: Engine) -> None:
    known = engine_options()[engine.name]
    assert known.image == engine.image, "run tests/tools/engine_options.py with the pinned version"
    assert engine.image.rpartition(":")[2].removeprefix("v") == known.version


@pytest.mark.parametrize(("model", "family"), RECIPES)
def test_recipes_pass_what_their_engine_knows(model: str, family: str) -> None:
    recipe = RECIPES[model, family]
    assert unknown(recipe.engine, *recipe.args, env=recipe.env, options=recipe.engine_options) == []
    assert set(recipe.env) <= engine_options()[recipe.engine.name].environment


@pytest.mark.parametrize(
    "recipe", [recipe for recipes in RACK_RECIPES.values() for recipe in recipes], ids=lambda item: item.name
)
def test_recipes_of_racks_pass_what_their_engine_knows(recipe: RackRecipe) -> None:
    for group in (recipe.prefill, recipe.decode):
        assert unknown(group.engine, *group.args, env=group.env, options=group.engine_options) == []


@pytest.mark.parametrize(
    "given",
    [
        {"pool": h200()},
        {"pool": half_rack()},
        {"pool": half_rack(), "recipe": ServingRecipe(engine=VLLM, gpus=4, nodes=2)},
        {"pool": h200(), "recipe": ServingRecipe(engine=VLLM, gpus=8, nodes=2)},
    ],
    ids=["vllm", "tensorrt-llm", "vllm-on-a-rack", "vllm-on-two-nodes"],
)
def test_servers_are_started_with_what_their_engine_knows(given: dict[str, Any]) -> None:
    served = serving(**given)
    engine = served.recipe.engine
    (group,) = [item for item in server_manifests(served) if item["kind"] == "LeaderWorkerSet"]
    templates = group["spec"]["leaderWorkerTemplate"]
    for kind in ("leaderTemplate", "workerTemplate"):
        for container in templates.get(kind, {}).get("spec", {}).get("containers", []):
            assert unknown(engine, *container["command"]) == []
            names = {item["name"] for item in container["env"]}
            strange = names - set(OTHERS) - engine_options()[engine.name].environment
            assert {name for name in strange if not name.startswith(OTHER_PREFIXES)} == set()


@pytest.mark.parametrize(
    ("engine", "given", "found"),
    [
        (VLLM, {"args": ["--tensor-paralel-size=1"]}, ("--tensor-paralel-size", "--tensor-parallel-size")),
        (
            VLLM,
            {"args": ["--quantization-config.moe.activations", "mxfp8"]},
            ("--quantization-config.moe.activations", "--quantization-config.moe.activation"),
        ),
        (
            VLLM,
            {"args": ['--kv-transfer-config={"kv_conector": "NixlConnector"}']},
            ("--kv-transfer-config.kv_conector", "--kv-transfer-config.kv_connector"),
        ),
        (
            VLLM,
            {"env": {"VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8": "1"}},
            ("VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8", "--quantization-config.moe.activation mxfp8"),
        ),
        (TENSORRT_LLM, {"args": ["--tensor-parallel-size=4"]}, ("--tensor-parallel-size", "--tensor_parallel_size")),
        (TENSORRT_LLM, {"options": {"enable_attention_pd": True}}, ("enable_attention_pd", "enable_attention_dp")),
        (
            TENSORRT_LLM,
            {"options": {"moe_config": {"beckend": "TRTLLM"}}},
            ("moe_config.beckend", "moe_config.backend"),
        ),
    ],
)
def test_what_it_does_not_know_is_found_with_what_is_near(engine: Engine, given: Any, found: tuple[str, str]) -> None:
    ((name, near),) = unknown(
        engine, *given.get("args", ()), env=given.get("env", ()), options=given.get("options", ())
    )
    assert name == found[0]
    assert found[1] in near


@pytest.mark.parametrize(
    "word",
    [
        "--max_num_seqs=8",
        "--no-enable-prefix-caching",
        "--kv-transfer-config.kv_connector_extra_config.anything",
        "--compilation-config={",
        "-O3",
        "facebook/opt-125m",
    ],
)
def test_what_vllm_takes_in_other_spellings_is_known(word: str) -> None:
    assert unknown(VLLM, word) == []


def test_variables_of_others_are_not_an_engines_own() -> None:
    assert unknown(VLLM, env={"NCCL_DEBUG": "INFO", "TRTLLM_X": "1"}) == []
    # Of TensorRT-LLM's variables only some are known.
    assert unknown(TENSORRT_LLM, env={"TRTLLM_ANY": "1"}) == []


def test_another_image_has_options_that_nobody_knows() -> None:
    own = Engine(
        name="vllm", image="own/vllm:1", port=1, health_path="/", metrics_path=None, queue_metric=None, source=CALLER
    )
    assert unknown(own, "--anything") == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"args": ("--max-model-length=8192",)},
            "an option of vllm is --max-model-length, expected one that vllm 0.30.0 knows, such as --max-model-len",
        ),
        ({"engine_options": {"stream_interval": 2}}, "engine_options is stream_interval for vllm, expected none: it"),
        (
            {"pool": half_rack(), "engine_options": {"kv_cache_config": {"dtipe": "fp8"}}},
            "an option of tensorrt-llm is kv_cache_config.dtipe, expected one that tensorrt-llm 1.2.1 knows",
        ),
        (
            {"recipe": ServingRecipe(engine=VLLM, gpus=1, env={"VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8": "1"})},
            "such as --quantization-config.moe.activation mxfp8: correct it, leave it out, or pass an image of",
        ),
    ],
)
def test_fails_on_options_of_the_callers(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message.replace("(", r"\(")):
        serving(**changed)


def test_fails_on_an_option_of_an_environments_file() -> None:
    text = text_of("inference").replace(
        "    pool: h200\n", "    pool: h200\n    engine_args: [--max-model-length=65536]\n"
    )
    with pytest.raises(FleetError, match=r"^model gpt-oss-20b: an option of vllm is --max-model-length, "):
        synthesised(text, "inference")


def test_an_image_of_the_callers_may_know_others() -> None:
    served = serving(args=("--of-a-fork=1",), image="registry.example/vllm:fork")
    assert served.all_args[-1] == "--of-a-fork=1"


def test_options_of_an_endpoint_go_over_the_recipes() -> None:
    served = serving(pool=half_rack(), engine_options={"stream_interval": 2}, args=("--max_batch_size=64",))
    assert served.all_engine_options["stream_interval"] == 2
    assert served.all_engine_options["enable_attention_dp"] is True
    assert served.all_args[-1] == "--max_batch_size=64"


VLLM_FILES = {
    "vllm-9.9.dist-info/METADATA": "Name: vllm\nVersion: 9.9\n",
    "vllm/engine/arg_utils.py": (
        "class EngineArgs:\n"
        "    moe_config: 'MoeConfig | None' = None\n"
        "    def add_cli_args(parser):\n"
        "        parser.add_argument('--moe-config', '-moe')\n"
        "        parser.add_argument(\n            '--seed', type=int)\n"
    ),
    "vllm/entrypoints/x/cli_args.py": (
        "class BaseFrontendArgs:\n    chat_template: str\n"
        "class FrontendArgs(BaseFrontendArgs):\n    host: str\n    _own: int\n    shared: ClassVar[int] = 1\n"
        "def make_arg_parser(parser):\n    parser.add_argument('--headless')\n    parser.add_argument('model_tag')\n"
    ),
    "vllm/config/moe.py": (
        "class Inner:\n    weight: str\n"
        "class MoeConfig:\n    inner: Inner | None = None\n    backend: str = 'x'\n    def f(self): pass\n"
    ),
    "vllm/envs.py": (
        "import os\nenvironment_variables: dict = {'VLLM_A': lambda: os.getenv('VLLM_A')}\n"
        "B = os.environ.get('DO_NOT', '')\nC = os.environ['HERE']\n"
    ),
}
TENSORRT_LLM_FILES = {
    "tensorrt_llm-9.9.dist-info/METADATA": "Name: tensorrt_llm\nVersion: 9.9\n",
    "tensorrt_llm/commands/serve.py": (
        "@click.command('other')\n@click.option('--elsewhere')\ndef other(): pass\n"
        "@click.command('serve')\n@click.option('--config', '--extra_llm_api_options', 'path')\n"
        "@click.argument('model')\ndef serve(path): pass\n"
    ),
    "tensorrt_llm/llmapi/llm_args.py": (
        "class Strict: pass\nclass Moe(Strict):\n    backend: str\n"
        "class BaseLlmArgs(Strict):\n    model: str\n    moe_config: Optional[Moe] = None\n"
        "class TorchLlmArgs(BaseLlmArgs):\n    stream_interval: int = 1\n    _hidden: int\n"
    ),
    "tensorrt_llm/x.py": "import os\nos.environ.get('TRTLLM_ENABLE_PDL', '1')\nos.getenv('HOME')\n",
}


@pytest.mark.parametrize(
    ("engine", "files", "found"),
    [
        (
            "vllm",
            VLLM_FILES,
            {
                "version": "9.9",
                "options": ["--chat-template", "--headless", "--host", "--moe-config", "--seed", "-moe"],
                "environment": ["DO_NOT", "HERE", "VLLM_A"],
                "keys": {"--moe-config": {"backend": None, "inner": {"weight": None}}},
            },
        ),
        (
            "tensorrt-llm",
            TENSORRT_LLM_FILES,
            {
                "version": "9.9",
                "options": ["--config", "--extra_llm_api_options"],
                "environment": ["TRTLLM_ENABLE_PDL"],
                "keys": {"model": None, "moe_config": {"backend": None}, "stream_interval": None},
            },
        ),
    ],
)
def test_the_tool_reads_a_wheel_and_runs_none_of_it(tmp_path: Path, engine: str, files: Any, found: Any) -> None:
    wheel = tmp_path / "engine.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text + "raise SystemExit\n" if name.endswith(".py") else text)
    assert tool.READERS[engine](tool.Sources(wheel)) == found
    folder = tmp_path / "folder"
    zipfile.ZipFile(wheel).extractall(folder)
    assert tool.READERS[engine](tool.Sources(folder)) == found


def test_the_file_is_as_the_tool_writes_it() -> None:
    text = tool.DATA.read_text()
    assert tool.written(json.loads(text)) == text
    for entry in json.loads(text).values():
        assert entry["options"] == sorted(set(entry["options"]))
        assert entry["environment"] == sorted(set(entry["environment"]))
