"""Needs beside the values that hold in an account, with the request that raises each."""

import shlex
from typing import Final

from ultrafleet.programme_preflight.finding import Finding, Standing
from ultrafleet.programme_preflight.needs import Need

_MANY_TIMES: Final = 10
"""Multiple of a default from which people at AWS should know before a request reaches them (ours)."""


def compared(need: Need, value: float, *, source: str, others: int = 0) -> Finding:
    """Finding of a need beside a value.

    Args:
        need: the need.
        value: value that holds.
        source: where it is from, as a word: `applied` or `default`.
        others: how much of it is taken by what isn't the programme's.
    """
    standing = (
        Standing.SHORT
        if value < need.now + others
        else Standing.LATER
        if value < need.full + others
        else Standing.ENOUGH
    )
    where = f", {need.where}" if need.where else ""
    taken = f", {others} taken by what isn't the programme's" if others else ""
    expected = f"{need.now:,} for the racks that are reserved, {need.full:,} for every slot ({need.why})"
    observed = f"{value:,.0f} ({source}){taken}"
    remedy, command, letter = "", "", ""
    if standing is not Standing.ENOUGH:
        remedy, command, letter = _asking(need, need.full + others)
    return Finding(
        place=need.place,
        standing=standing,
        what=f"{need.quota.service}: {need.quota.quota}{where}",
        observed=observed,
        expected=expected,
        remedy=remedy,
        command=command,
        letter=letter,
        need=need,
    )


def _asking(need: Need, wanted: int) -> tuple[str, str, str]:
    """Remedy, command and sentence of a letter for a value."""
    quota = need.quota
    code = quota.code
    most = None if quota.maximum is None else int(quota.maximum.value)
    reason = f"{quota.quota}{f' ({need.where})' if need.where else ''}: {wanted:,} needed, {need.why}"
    if most is not None and wanted > most:
        return (
            f"AWS is known to give at most {most:,}: ask the account team, or make smaller cells",
            "" if code is None else _command(need, code, most),
            f"{reason}; documented or reported as the most: {most:,}. Can more be given, and to what?",
        )
    if code is None:
        return (
            "ask by a support case: no source states a code of Service Quotas",
            "",
            f"{reason}; no code is known to us",
        )
    large = wanted >= _MANY_TIMES * int(quota.documented.value)
    letter = f"{reason}; requested by Service Quotas ({code}), and far over the default" if large else ""
    return "send the request", _command(need, code, wanted), letter


def _command(need: Need, code: str, value: int) -> str:
    return shlex.join(
        [
            "aws", "service-quotas", "request-service-quota-increase", "--region", need.place.region,
            "--service-code", need.quota.service, "--quota-code", code, "--desired-value", str(value),
        ]
    )  # fmt: skip
