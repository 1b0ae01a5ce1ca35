"""`ultrafleet programme preflight`: what a programme's cells need of AWS, what its accounts have, what to ask for."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ultrafleet.cells import Cell, CellPlan, read_cells
from ultrafleet.cells.as_environment import cell_environment
from ultrafleet.cli._progress import progress
from ultrafleet.cli.asked_account import AskedAccount
from ultrafleet.cli.capacity._places import places
from ultrafleet.cli.programme._names import PROGRAMMES, complete_programme, programme_file
from ultrafleet.doctor.policy import policy_document
from ultrafleet.environment import Environment
from ultrafleet.environment.layers import stack_ids
from ultrafleet.errors import FleetError
from ultrafleet.offers import Greeted, greet
from ultrafleet.plain_text import for_terminal, visible_json
from ultrafleet.programme import FleetSettings, load_programme
from ultrafleet.programme_preflight import (
    PERMISSIONS,
    PROBES,
    Finding,
    Need,
    Place,
    Standing,
    asked,
    needs_of,
    offline,
    places_of,
    request_files,
)
from ultrafleet.programme_preflight.change_sets import CHANGE_SET_PERMISSIONS, change_set_findings
from ultrafleet.programme_preflight.needs import UNKNOWN_ACCOUNT
from ultrafleet.programme_preflight.quotas import GLOBAL_REGION, ROLES

_FINDINGS: Final = 1
_UNANSWERED: Final = 3
_WIDTH: Final = max(map(len, Standing))
_ORDER: Final = list(Standing)


def preflight(
    programme: Annotated[
        str, typer.Argument(help="name of the programme, or its file", autocompletion=complete_programme)
    ],
    *,
    is_offline: Annotated[
        bool, typer.Option("--offline", help="ask nothing: needs beside the documented defaults")
    ] = False,
    requests: Annotated[
        Path | None, typer.Option(help="folder for requests that are ready to send: scripts and a letter")
    ] = None,
    change_sets: Annotated[
        bool, typer.Option("--change-sets", help="also read what CloudFormation's validation says of change sets")
    ] = False,
    profile: Annotated[list[str] | None, typer.Option(help="AWS profile of an account, repeated for several")] = None,
    role: Annotated[list[str] | None, typer.Option(help="ARN of a role to assume, repeated for several")] = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="print the IAM policy that it needs in each account, and stop")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="also print what is enough")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = PROGRAMMES,
) -> None:
    """Compare what a programme's cells need with what each account and region has.

    Quotas, opt-ins to zones, offerings, AWS's list for UltraServers, Kubernetes version, CDK bootstrap. `short` fails a
    deployment of the racks that are reserved, `later` one of every slot. Changes nothing, also with --requests: it
    writes what to send, as scripts of AWS CLI commands, and a letter for what no API takes.

    Exit code 0: all of it is enough, 1: something has to be asked for, 2: unusable input, 3: an account gave no answer.

    Needs the permissions of `ultrafleet programme preflight NAME --policy`; --role needs sts:AssumeRole.
    """
    path = programme_file(programme, programmes)
    plan = read_cells(path)
    fleet = _fleet(load_programme(path).fleet, path)
    if policy:
        print(json.dumps(_policies(plan, fleet, change_sets=change_sets), indent=2))
        return
    needs = needs_of(plan, fleet)
    if is_offline:
        findings = offline(needs)
    else:
        with progress(f"asking AWS about {plan.programme}"):
            findings = _asked(plan, fleet, needs, profiles=profile or (), roles=role or (), change_sets=change_sets)
    findings = sorted(findings, key=lambda item: (item.place, _ORDER.index(item.standing)))
    written = _write(requests, request_files(plan, findings)) if requests is not None else []
    code = _exit_code(findings, plan)
    if as_json:
        print(json.dumps(visible_json(_as_json(plan, findings, written, code)), indent=2))
    else:
        for line in _lines(plan, findings, every=every, is_offline=is_offline):
            print(for_terminal(line))
        for file in written:
            print(for_terminal(str(file)))
    if code:
        raise typer.Exit(code)


def _fleet(fleet: FleetSettings | None, path: Path) -> FleetSettings:
    if fleet is None:
        raise FleetError(path=path, verb="has", got="no fleet", expected="a fleet, which is cut into cells")
    return fleet


def _kinds(cells: Sequence[Cell], fleet: FleetSettings) -> list[Environment]:
    """One cell of each kind as an environment, without racks: all of a kind ask an account the same."""
    found = {
        (cell.site.name, cell.ultraserver_type, cell.fabric, cell.workload, cell.kubernetes_version): cell
        for cell in reversed(cells)
    }
    return [cell_environment(replace(cell, placed={}), fleet) for cell in found.values()]


def _stacks(cells: Sequence[Cell], platform: Sequence[str]) -> Iterator[str]:
    """Names of the stacks of cells."""
    for cell in cells:
        yield from (f"{cell.name}-{part}" for part in (*platform, *cell.stacks))


def _asked(
    plan: CellPlan,
    fleet: FleetSettings,
    needs: Sequence[Need],
    *,
    profiles: Sequence[str],
    roles: Sequence[str],
    change_sets: bool,
) -> list[Finding]:
    by_place = places_of(plan)
    regions = [*dict.fromkeys(place.region for place in by_place), GLOBAL_REGION]
    greeted, failed = greet(places(dict.fromkeys(regions), profiles=profiles, roles=roles))
    reached = {(one.account, one.place.region): one for one in reversed(greeted)}
    findings: list[Finding] = []
    told: set[str] = set()
    for place, cells in by_place.items():
        own = [need for need in needs if need.place == place and need.quota is not ROLES]
        if place.account not in told:
            own += [need for need in needs if need.place.account == place.account and need.quota is ROLES]
            told.add(place.account)
        one = reached.get((place.account, place.region))
        if one is None:
            findings += _not_reached(place, own, greeted, failed)
            continue
        environments = _kinds(cells, fleet)
        account = AskedAccount(environments[0], client=one.place.client)
        iam = reached.get((place.account, GLOBAL_REGION), one)
        of_iam = AskedAccount(environments[0], client=iam.place.client)
        names = {cell.name for cell in cells}
        findings += asked(place, own, environments, account, of_iam, names=names)
        if change_sets:
            findings += change_set_findings(place, _stacks(cells, stack_ids(environments[0])), account)
    return findings


def _not_reached(
    place: Place, needs: Sequence[Need], greeted: Sequence[Greeted], failed: Sequence[FleetError]
) -> Iterator[Finding]:
    """Needs of an account that the credentials don't reach, beside the defaults, and that it isn't reached."""
    have = sorted({one.account for one in greeted})
    reason = f"credentials are of {', '.join(have)}" if have else "; ".join(map(str, failed)) or "no credentials"
    yield Finding(
        place=place,
        standing=Standing.UNKNOWN,
        what="account",
        observed=f"not asked: {reason}",
        expected="credentials of the account",
        remedy="state the account of the site" if place.account == UNKNOWN_ACCOUNT else "pass --profile or --role",
    )
    yield from offline(needs)


def _policies(plan: CellPlan, fleet: FleetSettings, *, change_sets: bool) -> dict[str, Any]:
    """Policy of each account and region; its resources are those of the programme's cells."""
    found: dict[str, Any] = {}
    for place, cells in places_of(plan).items():
        others = (*PERMISSIONS, *(CHANGE_SET_PERMISSIONS if change_sets else ()))
        (first, *_) = _kinds(cells, fleet)
        found[str(place)] = policy_document(first, probes=PROBES, others=others)
    return found


def _exit_code(findings: Sequence[Finding], plan: CellPlan) -> int:
    standings = {item.standing for item in findings}
    if standings & {Standing.SHORT, Standing.LATER} or plan.refusals:
        return _FINDINGS
    return _UNANSWERED if Standing.UNKNOWN in standings else 0


def _lines(plan: CellPlan, findings: Sequence[Finding], *, every: bool, is_offline: bool) -> Iterator[str]:
    """Table by account and region, what is short first."""
    for place, cells in places_of(plan).items():
        racks, slots = sum(len(cell.racks) for cell in cells), sum(cell.slots for cell in cells)
        yield f"{place}: {len(cells)} cells, {racks:,} racks, {slots:,} slots"
        yield from _of_place([item for item in findings if item.place == place], every=every)
    known = places_of(plan)
    others = [item for item in findings if item.place not in known]
    for place in sorted({item.place for item in others}):
        lines = list(_of_place([item for item in others if item.place == place], every=every))
        yield from ([f"{place}:", *lines] if lines else [])
    for refusal in plan.refusals:
        yield f"refused: {refusal}"
    counts = Counter(item.standing for item in findings)
    spelled = ", ".join(f"{counts[standing]} {standing}" for standing in Standing if counts[standing])
    yield f"{plan.programme}: {spelled}{'; no account was asked' if is_offline else ''}"
    if is_offline:
        yield "not asked: opt-ins, offerings, AWS's list for UltraServers, Kubernetes version, bootstrap"
    elif any(item.need for item in findings):
        yield "not counted: what else the accounts use, but for VPCs and Elastic IP addresses"


def _of_place(findings: Sequence[Finding], *, every: bool) -> Iterator[str]:
    for item in findings:
        if item.standing is Standing.ENOUGH and not every:
            continue
        yield f"  {item.standing:{_WIDTH}} {item.what}: {item.observed}; needed: {item.expected}"
        if item.standing is not Standing.ENOUGH and (item.command or item.remedy):
            yield f"    {item.command or item.remedy}"


def _write(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write requests; scripts can be run."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
            if name.endswith(".sh"):
                (folder / name).chmod(0o755)
    except OSError as error:
        raise FleetError(
            path=folder, verb="can't be", got=f"written ({error})", expected="a folder", remedy="name another"
        ) from error
    if not files:
        print("nothing has to be asked for: no request is written", file=sys.stderr)
    return [folder / name for name in files]


def _as_json(plan: CellPlan, findings: Sequence[Finding], written: Sequence[Path], code: int) -> dict[str, Any]:
    return {
        "programme": plan.programme,
        "exit_code": code,
        "cells": len(plan.cells),
        "refusals": [str(item) for item in plan.refusals],
        "files": [str(file) for file in written],
        "findings": [
            {
                "account": item.place.account,
                "region": item.place.region,
                "standing": item.standing.value,
                "what": item.what,
                "observed": item.observed,
                "expected": item.expected,
                "remedy": item.remedy or None,
                "command": item.command or None,
                "now": item.need.now if item.need else None,
                "full": item.need.full if item.need else None,
                "source": str(item.need.quota.documented.source) if item.need else None,
            }
            for item in findings
        ],
    }
