"""Changes of an environment file's content, as functions that later are applied to it."""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

Content = dict[str, Any]
Change = Callable[[Content], object]


def named(items: list[Content], name: str) -> Content:
    (found,) = [item for item in items if item["name"] == name]
    return found


def put(*path: str, **values: Any) -> Change:
    """Set keys of the mapping at a path; in a list the next part of the path is a name, or a number."""

    def change(content: Content) -> None:
        target: Any = content
        for part in path:
            if isinstance(target, list):
                target = target[int(part)] if part.isdigit() else named(target, part)
            else:
                target = target.setdefault(part, {})
        target.update(values)

    return change


def each(*changes: Change) -> Change:
    def change(content: Content) -> None:
        for one in changes:
            one(content)

    return change


def replace_text(old: str, new: str) -> Change:
    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replaced(item) for key, item in value.items()}
        if isinstance(value, list):
            return [replaced(item) for item in value]
        return value.replace(old, new) if isinstance(value, str) else value

    return lambda content: content.update(replaced(content))


def append(*path: str, item: Content) -> Change:
    def change(content: Content) -> None:
        target: Any = content
        for part in path:
            target = named(target, part) if isinstance(target, list) else target.setdefault(part, [])
        target.append(deepcopy(item))

    return change


def remove(*path: str) -> Change:
    """Take an item out of a list: the last part is its name, or its number."""

    def change(content: Content) -> None:
        target: Any = content
        for part in path[:-1]:
            target = named(target, part) if isinstance(target, list) else target[part]
        last = path[-1]
        target.remove(target[int(last)] if last.isdigit() else named(target, last))

    return change


def rebuilt(pool: str, drop: tuple[str, ...], **values: Any) -> Change:
    """A pool of another kind under the same name."""

    def change(content: Content) -> None:
        found = named(content["pools"], pool)
        for key in drop:
            found.pop(key, None)
        found.update(values)

    return change


def as_ultraserver(content: Content) -> None:
    """A pool of single instances becomes an UltraServer, in the zone where it is sold."""
    pool = named(content["pools"], "h200")
    for key in ("instance_type", "nodes"):
        pool.pop(key, None)
    pool.update(kind="ultraserver", ultraserver_type="u-p6e-gb200x36", subnet="dallas")
    for block in pool["blocks"]:
        block.update(availability_zone="us-east-1-dfw-2a", instance_count=9)


def as_cell(content: Content) -> None:
    """A cell of a programme: racks with numbers, and slots for more of them."""
    racks = [pool for pool in content["pools"] if pool["kind"] == "ultraserver"]
    for number, pool in enumerate(racks):
        pool["name"] = f"first-{number + 1:04d}"
    content.update(pools=racks, capacity_reservations=[], teams=[], targets=[])
    content["network"]["subnets"] = [item for item in content["network"]["subnets"] if item["name"] != "b300-b"]
    content["slots"] = {"ultraservers": 4, "ultraserver_type": "u-p6e-gb200x72", "workload": "training"}


_WORKER = {
    "name": "dallas-a",
    "region": "us-east-1",
    "role_arn": "arn:aws:iam::444455556666:role/dallas-a-multikueue",
}


def as_manager(content: Content) -> None:
    """The manager of a queue over cells: no pools of its own, and one worker."""
    content.update(pools=[], capacity_reservations=[], models=[], targets=[], teams=[])
    queue = {"workload": "training", "capacity": {"u-p6e-gb200x72": 20}, "workers": [deepcopy(_WORKER)]}
    content["kubernetes"] = {"manages": {"queues": [queue]}}
    content.pop("budget", None)


def queue_put(**values: Any) -> Change:
    """Set keys of the manager's queue."""

    def change(content: Content) -> None:
        content["kubernetes"]["manages"]["queues"][0].update(values)

    return change


def worker_put(**values: Any) -> Change:
    """Other values of the manager's worker; None takes a key out."""

    def change(content: Content) -> None:
        worker = {**_WORKER, **values}
        kept = {key: value for key, value in worker.items() if value is not None}
        content["kubernetes"]["manages"]["queues"][0]["workers"] = [kept]

    return change


def later_block(content: Content) -> None:
    blocks = named(content["pools"], "rack-b")["blocks"]
    added = deepcopy(blocks[-1])
    added["start"], added["end"] = added["end"], added["end"] + timedelta(days=7)
    blocks.append({**added, "capacity_reservation_id": "cr-0bbbbbbbbbbbbbbb2"})


def extend(pool: str) -> Change:
    def change(content: Content) -> None:
        named(content["pools"], pool)["blocks"][-1]["end"] += timedelta(days=14)

    return change


def start_later(pool: str) -> Change:
    def change(content: Content) -> None:
        named(content["pools"], pool)["blocks"][0]["start"] += timedelta(days=7)

    return change


def renamed(pool: str) -> Change:
    """Another name for a pool, also where models name it."""

    def change(content: Content) -> None:
        named(content["pools"], pool)["name"] = "renamed"
        for model in content.get("models", []):
            model["pool"] = "renamed" if model["pool"] == pool else model["pool"]

    return change


def second_rack(content: Content) -> None:
    added = deepcopy(named(content["pools"], "rack-b"))
    added["blocks"][0]["capacity_reservation_id"] = "cr-0ddddddddddddddd1"
    content["pools"].insert(0, {**added, "name": "rack-aa"})
