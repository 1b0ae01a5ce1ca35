"""Options that the pinned version of an engine knows: names of arguments, of variables, and of keys in its files."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, TypeAlias

from pydantic import Field

from ultrafleet.catalog._data import Strict, read_data
from ultrafleet.catalog.serving_recipes import Engine
from ultrafleet.catalog.source import Confidence, Source

Keys: TypeAlias = "Mapping[str, Keys | None]"
"""Names of keys, and of those in their values; None where a value's keys aren't known."""

_PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {"vllm": ("VLLM_",), "tensorrt-llm": ("TRTLLM_", "TLLM_")}
"""Prefixes of the variables that are an engine's own."""


class EngineOptions(Strict):
    """Options of one version of an engine, from `data/engine_options.json`, which tests/tools/engine_options.py makes.

    Attributes:
        image: the image whose code knows them.
        version: version of the engine in it.
        options: names of arguments, with their dashes.
        environment: variables that it reads.
        whole_environment: whether these are all that begin with the engine's prefix.
        replaced: what is passed in the place of a name that it no longer reads.
        keys: keys of what else it is given: of vLLM's options that are objects, by the option; of TensorRT-LLM's file.
        source: text of the source.
        address: its address.
        confidence: its confidence.
        as_of: day on which it was read.
    """

    image: str
    version: str
    options: frozenset[str]
    environment: frozenset[str]
    whole_environment: bool
    replaced: dict[str, str] = Field(default_factory=dict)
    keys: dict[str, "dict[str, object] | None"] = Field(default_factory=dict)
    source: str
    address: str
    confidence: Confidence
    as_of: str

    @property
    def origin(self) -> Source:
        """Source of the names."""
        return Source(self.source, self.confidence, self.address)


@cache
def engine_options() -> Mapping[str, EngineOptions]:
    """Known options by the engine's name."""
    return {name: EngineOptions.model_validate(entry) for name, entry in read_data("engine_options").items()}


def unknown_options(
    engine: Engine, *, args: Sequence[str], env: Mapping[str, str], options: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Options that the engine's pinned image doesn't know, each with what is nearest to it.

    Nothing is found where the engine's image is another than the one whose options are known.

    Args:
        engine: the engine.
        args: its arguments.
        env: its environment. Only variables that begin with the engine's prefix are its own.
        options: TensorRT-LLM's file of options.
    """
    known = engine_options().get(engine.name)
    if known is None or known.image != engine.image:
        return
    for word in args:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            yield from _unknown_argument(name, value, known, dashes=engine.name == "vllm")
    yield from _unknown_keys("", options, known.keys if engine.name == "tensorrt-llm" else {})
    for name in env if known.whole_environment else ():
        if name.startswith(_PREFIXES[engine.name]) and name not in known.environment:
            yield name, known.replaced.get(name) or _nearest(name, known.environment)


def _unknown_argument(word: str, value: str, known: EngineOptions, *, dashes: bool) -> Iterator[tuple[str, str]]:
    """An argument's unknown part. In vLLM `_` is `-`, a switch has a `--no-`, and keys follow a dot or are JSON."""
    head, *path = word.split(".")
    name = head.replace("_", "-") if dashes else head
    plain = f"--{name[5:]}" if dashes and name.startswith("--no-") else name
    if name not in known.options and plain not in known.options:
        yield word, _nearest(name, known.options)
        return
    keys: object = known.keys.get(name) if dashes else None
    for depth, key in enumerate(path):
        if not isinstance(keys, Mapping):
            return
        if key.rstrip("+").replace("-", "_") not in keys:
            before = ".".join([head, *path[:depth]])
            yield word, _nearest(key, keys, before=f"{before}.")
            return
        keys = keys[key.rstrip("+").replace("-", "_")]
    if isinstance(keys, Mapping) and value.startswith("{"):
        yield from _unknown_keys(f"{word}.", _object(value), keys)


def _object(text: str) -> Mapping[str, object]:
    """An object written as JSON; empty where it isn't one, which the engine itself will say."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _unknown_keys(before: str, given: Mapping[str, object], known: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in given.items():
        if key not in known:
            yield f"{before}{key}", _nearest(key, known, before=before)
        else:
            inner = known[key]
            if isinstance(inner, Mapping) and isinstance(value, Mapping):
                yield from _unknown_keys(f"{before}{key}.", value, inner)


def _nearest(name: str, known: Sequence[str] | frozenset[str] | Mapping[str, object], *, before: str = "") -> str:
    found = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return ", ".join(f"{before}{item}" for item in found)
