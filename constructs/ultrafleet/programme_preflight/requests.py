"""Requests to AWS, ready to send: a script for each account and region, and a letter for what no API takes."""

import shlex
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from ultrafleet.cells import CellPlan
from ultrafleet.plain_text import visible
from ultrafleet.programme_preflight.finding import Finding, Standing
from ultrafleet.programme_preflight.needs import UNKNOWN_ACCOUNT, Place, places_of

_LETTER: Final = "account-team.md"
_ABOUT: Final = (
    "Quotas and permissions that we need for UltraServers on EKS, and that no API grants or that are far over their "
    "defaults. A cell is one VPC with one EKS cluster."
)


def request_files(plan: CellPlan, findings: Sequence[Finding]) -> dict[str, str]:
    """Texts of the files by their names; none where nothing has to be asked for.

    Args:
        plan: cells of the programme.
        findings: findings of its preflight.
    """
    scripts: dict[Place, list[Finding]] = defaultdict(list)
    letters: dict[Place, list[str]] = defaultdict(list)
    for item in findings:
        if item.standing not in {Standing.SHORT, Standing.LATER}:
            continue
        if item.command:
            scripts[item.place].append(item)
        if item.letter:
            letters[item.place].append(item.letter)
    for request in plan.requests:
        place = Place(account=request.account, region=request.region)
        if request.is_required and not _is_covered(request.service, request.quota, place, findings):
            text = f"{request.quota}: {request.needed:,} needed, {request.now:,} counted with; {request.why}"
            letters[place].append(text)
    known = {item.place for item in findings if item.what.startswith("allow-listing")}
    for place, cells in places_of(plan).items() if scripts or letters else ():
        if place not in known:
            kinds = ", ".join(sorted({cell.ultraserver_type for cell in cells}))
            letters[place].append(f"is account {place.account} on the list for {kinds}? It wasn't asked")
    files = {_name(place): _script(plan, place, own) for place, own in sorted(scripts.items())}
    if letters:
        files[_LETTER] = _letter(plan, letters)
    return files


def _is_covered(service: str, quota: str, place: Place, findings: Sequence[Finding]) -> bool:
    return any(
        item.need is not None
        and item.place == place
        and (item.need.quota.service, item.need.quota.quota) == (service, quota)
        for item in findings
    )


def _name(place: Place) -> str:
    return f"{place.account.replace(' ', '-')}-{place.region}.sh"


def _script(plan: CellPlan, place: Place, findings: Sequence[Finding]) -> str:
    lines = [
        "#!/bin/sh",
        f"# Requests of programme {visible(plan.programme)} for {place}, written by `ultrafleet programme preflight`.",
        "# Read them first: each asks AWS for more, and some need an answer of a person.",
        "set -eu",
    ]
    if place.account != UNKNOWN_ACCOUNT:
        lines += [
            f"wanted={shlex.quote(place.account)}",
            "account=$(aws sts get-caller-identity --query Account --output text)",
            'if [ "$account" != "$wanted" ]; then',
            '  echo "the credentials are of account $account, expected $wanted" >&2',
            "  exit 2",
            "fi",
        ]
    commands: dict[str, list[Finding]] = defaultdict(list)
    for item in findings:
        commands[item.command].append(item)
    for command, own in _largest(commands).items():
        lines += [
            "",
            *(f"# {visible(item.what)}: {visible(item.expected)}; has {visible(item.observed)}" for item in own),
        ]
        lines.append(command)
    return "\n".join(lines) + "\n"


def _largest(commands: dict[str, list[Finding]]) -> dict[str, list[Finding]]:
    """One command for each quota, with the largest value: two zones ask for one quota."""
    found: dict[str, tuple[int, str, list[Finding]]] = {}
    for command, own in commands.items():
        key, separator, value = command.rpartition(" --desired-value ")
        if not separator:
            found[command] = (0, command, own)
            continue
        most, kept, items = found.get(key, (-1, "", []))
        found[key] = (max(most, int(value)), command if int(value) > most else kept, [*items, *own])
    return {command: own for _, command, own in found.values()}


def _letter(plan: CellPlan, letters: dict[Place, list[str]]) -> str:
    lines = [
        f"# To the account team: programme {visible(plan.programme)}",
        "",
        _ABOUT,
        "",
    ]
    for place, sentences in sorted(letters.items()):
        lines += [f"## Account {place.account}, {place.region}", ""]
        cells = [
            cell
            for cell in plan.cells
            if (cell.site.account or UNKNOWN_ACCOUNT, cell.region) == (place.account, place.region)
        ]
        racks, slots = sum(len(cell.racks) for cell in cells), sum(cell.slots for cell in cells)
        if cells:
            kinds = ", ".join(sorted({cell.ultraserver_type for cell in cells}))
            lines += [f"{len(cells)} cells for {racks:,} UltraServers ({kinds}), with room for {slots:,}.", ""]
        lines += [f"- {visible(sentence)}" for sentence in dict.fromkeys(sentences)] + [""]
    return "\n".join(lines)
