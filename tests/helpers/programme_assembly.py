"""Assembly of a programme, written as synthesis writes one: a folder for each cell, its racks in stacks by name."""

import hashlib
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.policy_templates import GRACE, P6E
from helpers.review_fleet import GB200, pool, stacks

ACCOUNT, REGION = "111122223333", "us-east-1"
TYPE = "u-p6e-gb200x72"
PER_STACK = 50

Templates = dict[str, dict[str, Any]]
Edit = Callable[[str, Templates], object]
"""Edits the templates of a cell, by the part of their stack's name after the cell's."""


def named(cell: int) -> str:
    return f"dallas-gb200x72-t{cell:03}"


@dataclass
class Programme:
    """Programme of cells, each with racks of a tranche by their numbers."""

    cells: dict[str, list[str]]
    limits: dict[str, Any] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    slots: int = 99

    @classmethod
    def of(cls, cells: int, racks: int) -> "Programme":
        return cls(
            cells={
                named(cell): [f"gb200-2026-a-{cell * racks + rack:04}" for rack in range(racks)]
                for cell in range(1, cells + 1)
            }
        )

    def write(self, folder: Path, *edits: Edit) -> Path:
        """Write the assembly.

        Args:
            folder: where to.
            edits: of every cell's templates.
        """
        folder.mkdir(parents=True)
        nested = {}
        for name, racks in self.cells.items():
            templates = cell_templates(name, racks)
            for edit in edits:
                edit(name, templates)
            write_cell(folder / f"assembly-{name}", name, templates)
            nested[f"assembly-{name}"] = {
                "type": "cdk:cloud-assembly",
                "properties": {"directoryName": f"assembly-{name}", "displayName": name},
            }
        (folder / "manifest.json").write_text(json.dumps({"version": "53.0.0", "artifacts": nested}))
        plan = {
            "programme": "half-a-million",
            "limits": self.limits,
            "requests": self.requests,
            "cells": [
                {
                    "name": name,
                    "account": ACCOUNT,
                    "region": REGION,
                    "ultraserver_type": TYPE,
                    "workload": "training",
                    "slots": self.slots,
                    "racks": racks,
                }
                for name, racks in self.cells.items()
            ],
        }
        (folder / "programme.json").write_text(json.dumps(plan))
        return folder


def write_cell(folder: Path, cell: str, templates: Templates) -> None:
    folder.mkdir()
    artifacts = {}
    for part, content in templates.items():
        stack = f"{cell}-{part}"
        file = f"{stack.replace('-', '')}{hash_of(stack) % 16**8:08X}"
        text = json.dumps(content, indent=1)
        (folder / f"{file}.template.json").write_text(text)
        (folder / f"{file}.metadata.json").write_text(json.dumps({"/": text[:20]}))
        template = {"source": {"path": f"{file}.template.json", "packaging": "file"}}
        assets = {"files": {hashlib.sha256(text.encode()).hexdigest(): template}}
        (folder / f"{file}.assets.json").write_text(json.dumps(assets))
        artifacts[file] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://{ACCOUNT}/{REGION}",
            "properties": {"templateFile": f"{file}.template.json", "stackName": stack},
        }
    (folder / "manifest.json").write_text(json.dumps({"version": "53.0.0", "artifacts": artifacts}))


_PLAIN = {name: content for name, content in stacks().items() if name in {"network", "cluster"}}


def cell_templates(cell: str, racks: Sequence[str]) -> Templates:
    """Templates of a cell: its network, its cluster, and stacks of racks by their numbers."""
    found: Templates = json.loads(
        json.dumps(_PLAIN).replace('"fleet"', f'"{cell}"').replace("subnet-a", f"{cell}-subnet")
    )
    found = json.loads(json.dumps(found).replace("efa-group", f"{cell}-efa"))
    for rack in racks:
        tranche, _, number = rack.rpartition("-")
        stack = found.setdefault(f"racks-{tranche}-{int(number) // PER_STACK:03}", {"Metadata": {}, "Resources": {}})
        add_rack(stack, cell, rack)
    return found


def reservation(rack: str) -> str:
    return f"cr-{abs(hash_of(rack)):017x}"


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode()[-7:], "big")


def add_rack(stack: dict[str, Any], cell: str, rack: str) -> None:
    block = reservation(rack)
    group = f"{rack}-{block}"
    resources = json.loads(
        json.dumps(pool(group, GRACE, 18, P6E, GB200, block))
        .replace('"fleet"', f'"{cell}"')
        .replace("subnet-a", f"{cell}-subnet")
        .replace("efa-group", f"{cell}-efa")
    )
    stack["Metadata"][f"ultrafleet:{group}"] = {
        "blocks": [{"id": block, "instances": 18, "start": "2026-12-01T11:30:00Z", "end": "2027-06-01T11:30:00Z"}]
    }
    stack["Resources"] |= resources


def template_of(folder: Path, cell: str, part: str) -> Path:
    """File of a stack's template in a written assembly."""
    stack = f"{cell}-{part}"
    return folder / f"assembly-{cell}" / f"{stack.replace('-', '')}{hash_of(stack) % 16**8:08X}.template.json"


def changed(programme: Programme) -> Programme:
    return deepcopy(programme)
