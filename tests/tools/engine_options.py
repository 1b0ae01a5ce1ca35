"""Writes catalog/data/engine_options.json: the names of the options that the pinned versions of the engines know.

`python tests/tools/engine_options.py vllm WHEEL` reads the wheel of the version that `VLLM.image` names, from `pip
download --no-deps vllm==VERSION`; `... tensorrt-llm WHEEL_OR_FOLDER` that of `TENSORRT_LLM.image`, which is in NVIDIA's
package index. Only names are kept, none of the code. The code is parsed and never run.
"""

import ast
import json
import sys
import textwrap
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parents[2] / "constructs/ultrafleet/catalog/data/engine_options.json"
_DEPTH: Final = 4
"""Levels of keys that are kept."""
_WIDTH: Final = 112


class Sources:
    """Python files of a wheel or a folder, parsed when they are asked for."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path) if path.is_file() else None
        self._folder = path
        self.names = sorted(
            self._archive.namelist()
            if self._archive
            else (item.relative_to(path).as_posix() for item in path.rglob("*") if item.is_file())
        )

    def text(self, name: str) -> str:
        """Text of a file."""
        return self._archive.read(name).decode() if self._archive else (self._folder / name).read_text()

    def parsed(self, name: str) -> ast.Module:
        """Syntax tree of a file."""
        return ast.parse(self.text(name))

    def version(self, package: str) -> str:
        """Version that the wheel's metadata state.

        Raises:
            LookupError: there are none.
        """
        for name in self.names:
            if name.startswith(f"{package}-") and name.endswith(".dist-info/METADATA"):
                return next(line[9:] for line in self.text(name).splitlines() if line.startswith("Version: "))
        raise LookupError(f"no metadata of {package} in {self._folder}")


def _classes(trees: Iterator[ast.Module]) -> dict[str, ast.ClassDef]:
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(name: str, classes: Mapping[str, ast.ClassDef]) -> dict[str, ast.expr]:
    """Annotated fields of a class and its bases, without private ones and ClassVars."""
    node = classes[name]
    found: dict[str, ast.expr] = {}
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            found |= _fields(base.id, classes)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found[item.target.id] = item.annotation
    return {
        field: annotation
        for field, annotation in found.items()
        if not field.startswith("_") and "ClassVar" not in ast.unparse(annotation)
    }


def _keys(annotation: ast.expr, classes: Mapping[str, ast.ClassDef], depth: int = _DEPTH) -> dict[str, Any] | None:
    """Keys of a value by its annotation: those of the one class in it; None where it is another value."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    named = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)} & set(classes)
    if len(named) != 1 or depth == 0:
        return None
    found = _fields(named.pop(), classes)
    return {key: _keys(inner, classes, depth - 1) for key, inner in sorted(found.items())} or None


def _flags(tree: ast.AST) -> Iterator[str]:
    """Names that `add_argument` or `click.option` is given."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr not in {"add_argument", "option"}:
            continue
        given = (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))
        yield from (name for name in given if name.startswith("-"))


def _function(tree: ast.AST, name: str) -> ast.FunctionDef:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name)


def _read_environment(tree: ast.AST) -> Iterator[str]:
    """Names that a module reads from the environment, and the string keys of its table of variables."""
    found: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"os.getenv", "os.environ.get"}:
            found += node.args[:1]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            found.append(node.slice)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "environment_variables":
            found += node.value.keys if isinstance(node.value, ast.Dict) else []
    yield from (str(item.value) for item in found if isinstance(item, ast.Constant))


def vllm(sources: Sources) -> dict[str, Any]:
    """Options, environment and keys of `vllm serve`."""
    engine = sources.parsed("vllm/engine/arg_utils.py")
    (name,) = [
        item for item in sources.names if item.endswith("/cli_args.py") and "class FrontendArgs" in sources.text(item)
    ]
    front = sources.parsed(name)
    front_classes = _classes(iter([front]))
    options = set(_flags(front)) | set(_flags(engine))
    options |= {f"--{field.replace('_', '-')}" for field in _fields("FrontendArgs", front_classes)}
    configurations = _classes(
        sources.parsed(item) for item in sources.names if item.startswith("vllm/config/") and item.endswith(".py")
    )
    fields = _fields("EngineArgs", _classes(iter([engine])))
    keys = {f"--{field.replace('_', '-')}": _keys(annotation, configurations) for field, annotation in fields.items()}
    return {
        "version": sources.version("vllm"),
        "options": sorted(options),
        "environment": sorted(set(_read_environment(sources.parsed("vllm/envs.py")))),
        "keys": {key: value for key, value in sorted(keys.items()) if value and key in options},
    }


def tensorrt_llm(sources: Sources) -> dict[str, Any]:
    """Options of `trtllm-serve serve`, variables that its Python reads, and keys of its file of options."""
    serve = _function(sources.parsed("tensorrt_llm/commands/serve.py"), "serve")
    options = {flag for decorator in serve.decorator_list for flag in _flags(decorator)}
    classes = _classes(iter([sources.parsed("tensorrt_llm/llmapi/llm_args.py")]))
    fields = _fields("TorchLlmArgs", classes)
    return {
        "version": sources.version("tensorrt_llm"),
        "options": sorted(options),
        "environment": sorted(
            name
            for item in sources.names
            if item.startswith("tensorrt_llm/") and item.endswith(".py")
            for name in set(_read_environment(sources.parsed(item)))
            if name.startswith(("TRTLLM_", "TLLM_"))
        ),
        "keys": {field: _keys(annotation, classes) for field, annotation in sorted(fields.items())},
    }


READERS: Final = {"vllm": vllm, "tensorrt-llm": tensorrt_llm}


def written(data: Mapping[str, Any]) -> str:
    """The file's text: names filled into lines, each option's keys on a line."""
    return "{\n" + ",\n".join(f'  "{engine}": {_entry(entry)}' for engine, entry in data.items()) + "\n}\n"


def _entry(entry: Mapping[str, Any]) -> str:
    parts = []
    for key, value in entry.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            lines = textwrap.wrap(text[1:-1], _WIDTH, break_long_words=False, break_on_hyphens=False)
            text = "[\n" + "\n".join(f"      {line}" for line in lines) + "\n    ]"
        elif key == "keys":
            lines = [f"      {json.dumps(name)}: {json.dumps(inner)}" for name, inner in value.items()]
            text = "{\n" + ",\n".join(lines) + "\n    }"
        parts.append(f'    "{key}": {text}')
    return "{\n" + ",\n".join(parts) + "\n  }"


def main(engine: str, path: str) -> None:
    """Replaces the names of one engine in the data file; source and completeness are written by hand."""
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    data[engine] = {**data.get(engine, {}), **READERS[engine](Sources(Path(path)))}
    DATA.write_text(written(data))


if __name__ == "__main__":
    main(*sys.argv[1:])
