"""Cells of a programme's assembly that differ in more than names: `python tests/tools/programme_sample.py FOLDER`.

Prints the folder of the first and of the last cell of each site, type and workload: every shape, full cells and those
with room, each with all of its stacks. `make check-programme` gives them to cfn-lint and to `ultrafleet check`.
"""

import json
import sys
from pathlib import Path


def sample(assembly: Path) -> list[Path]:
    """Folders of the cells.

    Args:
        assembly: of a programme.
    """
    cells = json.loads((assembly / "programme.json").read_text(encoding="utf-8"))["cells"]
    kinds: dict[tuple[str, ...], list[str]] = {}
    for cell in cells:
        kinds.setdefault((cell["site"], cell["ultraserver_type"], cell["workload"]), []).append(cell["name"])
    return [assembly / f"assembly-{name}" for names in kinds.values() for name in dict.fromkeys([names[0], names[-1]])]


if __name__ == "__main__":
    print("\n".join(map(str, sample(Path(sys.argv[1])))))
