"""Writes constructs/ultrafleet/acceptance/type_table.py: what the judge of logs needs of the catalog, for nodes that
have Python and nothing else.
"""

from pathlib import Path

from ultrafleet.catalog import InstanceType, acceptance_floors

TABLE = Path(__file__).parents[2] / "constructs" / "ultrafleet" / "acceptance" / "type_table.py"

_HEAD = '''"""Floors and facts of instance types for the judge of logs, which runs on nodes without the catalog.

Made from `catalog/data` by `tests/tools/acceptance_table.py`; change them there, and run `make docs`.
"""

from typing import Final, Literal

FLOORS: Final[dict[tuple[str, str], tuple[float, str, Literal["high", "medium", "low"]]]] = {
'''
_TYPES = '''}
"""Instance type and path -> GB/s of bus bandwidth, source, confidence."""

NODE_TYPES: Final[dict[str, tuple[int | None, float | None, int | None, bool, bool]]] = {
'''
_END = '''}
"""Instance type -> accelerators, GB/s of its EFA in one direction, EFA interfaces, NVLink between nodes, NVLink."""
'''


def table() -> str:
    """The module."""
    lines = [_HEAD]
    for fact_id, fact in acceptance_floors.facts():
        _, name, path = fact_id.split("/")
        if fact.source is not None:
            source, confidence = fact.source.text.partition(":")[0], fact.source.confidence.value
            lines.append(f'    ("{name}", "{path}"): ({float(fact.value)}, "{source}", "{confidence}"),\n')
    lines.append(_TYPES)
    for item in InstanceType.all():
        nvidia = item.accelerator_kind == "nvidia"
        between = nvidia and bool(item.sold_in_ultraservers)
        if not (nvidia or item.accelerator_kind == "neuron") or not (item.max_efa_interfaces or between):
            continue
        gbs = item.efa_bandwidth_gbps / 8 if item.efa_bandwidth_gbps is not None else None
        documented = item.documented_efa_interface_counts or (item.max_efa_interfaces,)
        within = between or (nvidia and (item.nvlink_domain_accelerators or 0) > 1)
        facts = (item.accelerator_count, gbs, documented[0], between, within)
        lines.append(f'    "{item}": {facts},\n')
    lines.append(_END)
    return "".join(lines)


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
