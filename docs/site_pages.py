"""Hooks of the site's generator: its navigation, pages of the API, and files of the repository that pages link to."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = ROOT / "constructs" / "ultrafleet"
CONSTRUCTS = (
    "capacity", "network", "cluster", "pools", "schedule", "delivery", "cluster_addons", "training", "inference",
    "monitoring", "stacks",
)  # fmt: skip
"""Packages of the API that hold constructs; they come first."""
LOGIC = (
    "catalog", "layout", "environment", "jobs", "acceptance", "planning", "offers", "purchases", "policy", "review",
    "errors",
)  # fmt: skip
"""Other packages and modules that people import."""
_LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")
_LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".md": "markdown"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation: every page has a place in it."""
    config.nav = [
        {"Start": [{"Overview": "README.md"}, *_pages("start.md", "getting-started.md", "glossary.md")]},
        {
            "How to": [
                *_folder("guides"),
                *_pages("acceptance.md", "rehearsal.md", "preflight.md", "doctor.md", "verbs.md", "migration.md"),
            ]
        },
        {"Capacity": _pages("capacity-desk.md", "programme.md", "cells.md")},
        {
            "Reference": [
                *_pages("environments.md", "commands.md", "policy.md", "policy-elsewhere.md", "review.md"),
                {"Constructs": list(_folder("constructs"))},
                {"API": [f"api/{name}.md" for name in _api()]},
                *_pages("catalog.md", "efa-layout.md", "facts.md", "update-effects.md", "security-scans.md"),
            ]
        },
        {
            "About": [
                *_pages("architecture.md", "api-guidelines.md", "releases.md"),
                {"Decisions": list(_folder("decisions"))},
                {"Benchmarks": list(_folder("benchmarks"))},
                *_folder("review"),
                *[str(path.relative_to(DOCS)) for path in sorted(DOCS.glob("examples/**/*.md"))],
            ]
        },
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the API, and one for each file of the repository that a page links to."""
    for name in _api():
        text = f"# ultrafleet.{name}\n\n::: ultrafleet.{name}\n"
        files.append(File.generated(config, f"api/{name}.md", content=text))
    for target in sorted({found for path in DOCS.rglob("*.md") for found in _outside(path)}):
        files.append(File.generated(config, _page_of(target), content=_shown(ROOT / target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - the hook's
    """Point links that leave the folder of documents to the pages that show those files."""
    here = DOCS / page.file.src_uri

    def pointed(found: re.Match[str]) -> str:
        target = _relative(here, found[2])
        if target is None:
            return found[0]
        return f"{found[1]}{os.path.relpath(_page_of(target), Path(page.file.src_uri).parent)}{found[4]}"

    return _LINK.sub(pointed, markdown)


def _pages(*names: str) -> list[str]:
    return [name for name in names if (DOCS / name).exists()]


def _folder(name: str) -> Iterator[str]:
    for path in sorted((DOCS / name).glob("*.md"), key=lambda found: (found.name != "README.md", found.name)):
        yield str(path.relative_to(DOCS))


def _api() -> list[str]:
    return [name for name in (*CONSTRUCTS, *LOGIC) if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()]


def _relative(page: Path, link: str) -> str | None:
    """Path of a linked file in the repository; None for a page, a picture or an address."""
    if "://" in link or link.startswith(("mailto:", "/")):
        return None
    target = Path(os.path.normpath(page.parent / link))
    if target.is_relative_to(DOCS) and target.suffix != ".py":
        return None
    return str(target.relative_to(ROOT)) if target.is_relative_to(ROOT) and target.exists() else None


def _outside(page: Path) -> Iterator[str]:
    for found in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = _relative(page, found[2])
        if target is not None:
            yield target


def _page_of(target: str) -> str:
    return f"files/{target.replace('/', '-').lstrip('.')}.md"


def _shown(path: Path) -> str:
    """Page that shows a file, or the names of a folder's files."""
    title = f"# {path.relative_to(ROOT)}\n\n"
    if path.is_dir():
        return title + "\n".join(f"- `{child.name}`" for child in sorted(path.iterdir())) + "\n"
    text = path.read_text(encoding="utf-8")
    return f"{title}````{_LANGUAGES.get(path.suffix, 'text')}\n{text}\n````\n"
