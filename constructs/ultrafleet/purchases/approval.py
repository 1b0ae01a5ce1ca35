"""Approval of a purchase by a second person: a file of the repository that names exactly what may be bought.

The file's commit has to be another person's than the buyer's. Git's names are as good as the repository's review is:
whoever can push can commit under any name. What enforces the second person is a protected branch whose code owners
review the folder of approvals; the check here keeps one person from doing it by mistake.
"""

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ultrafleet.bounded_file import read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.purchases.outcome import RefusedError
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

_MOST_BYTES: Final = 1 << 16
_GIT_SECONDS: Final = 20


class Approval(BaseModel):
    """Approval of one purchase.

    Attributes:
        environment: the environment.
        pools: pools that get the blocks, or the one whose block is extended.
        type: type that is sold, an UltraServer's or an instance's.
        count: UltraServers or instances.
        not_before: earliest start; of an extension, the end of the block without it.
        not_after: latest end.
        extends: reservation of the block, for an extension. Default: none, a block.
        max_price_usd: highest price.
        approver: e-mail address of the person who approves, the author of the file's commit.
        expires: moment from which it approves nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    pools: tuple[str, ...] = Field(min_length=1)
    type: str
    count: int = Field(ge=1)
    not_before: AwareDatetime
    not_after: AwareDatetime
    extends: str | None = None
    max_price_usd: Decimal = Field(gt=0)
    approver: str
    expires: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Purchase that needs an approval.

    Attributes:
        environment: the environment.
        pools: its pools.
        type: type that is sold.
        count: UltraServers or instances.
        start: start; of an extension, the end of the block without it.
        end: end.
        extends: reservation of the block, for an extension.
        usd: price.
        max_usd: ceiling of the command.
        repository: folder of the repository that the approval has to be in.
    """

    environment: str
    pools: tuple[str, ...]
    type: str
    count: int
    start: datetime
    end: datetime
    extends: str | None
    usd: Decimal
    max_usd: Decimal
    repository: Path


@dataclass(frozen=True, kw_only=True)
class Approved:
    """Approval that holds for a purchase.

    Attributes:
        digest: of the file: one approval, one purchase.
        approver: who approved.
    """

    digest: str
    approver: str


def require_approval(wanted: Wanted, *, above_usd: Decimal, file: Path | None, now: datetime) -> Approved | None:
    """Approval of a purchase, where its ceiling is above the environment's sum.

    Args:
        wanted: the purchase.
        above_usd: sum above which one is needed; the price counts, not the ceiling.
        file: the approval, or None.
        now: the present moment.

    Raises:
        RefusedError: one is needed and there is none, or it approves something else.
        FleetError: the file can't be used.
    """
    if wanted.usd <= above_usd and file is None:
        return None
    if file is None:
        raise RefusedError(
            path="the approval",
            got=f"missing for {wanted.usd:,} USD",
            expected=f"one for what costs more than {above_usd:,.0f} USD (purchases.approval_above_usd)",
            remedy="pass --approval FILE, committed by a second person: docs/capacity-desk.md",
        )
    text = read_bounded(file, _MOST_BYTES)
    try:
        approval = Approval.model_validate(load_yaml(text, UniqueKeyLoader))
    except (ValidationError, ValueError) as error:
        raise FleetError(
            path=file,
            got=f"no approval ({' '.join(str(error).split())[:300]})",
            expected=f"a mapping of {', '.join(Approval.model_fields)}",
        ) from error
    for name, approved, got in _differences(approval, wanted, now):
        raise RefusedError(path=f"{file}: {name}", got=approved, expected=got, remedy="have this purchase approved")
    _refuse_own(file, approval.approver, wanted.repository)
    return Approved(digest=hashlib.sha256(text.encode()).hexdigest(), approver=approval.approver)


def buyer(folder: Path) -> str:
    """E-mail address of the buyer: the git identity of the repository.

    Args:
        folder: a folder of the repository.

    Raises:
        RefusedError: git has none.
    """
    found = _git(folder, "config", "user.email")
    if not found:
        raise RefusedError(path="git's user.email", got="not set", expected="the buyer's address", remedy="set it")
    return found


def _differences(approval: Approval, wanted: Wanted, now: datetime) -> Iterator[tuple[str, object, object]]:
    for name in ("environment", "type", "count", "extends"):
        if getattr(approval, name) != getattr(wanted, name):
            yield name, getattr(approval, name) or "not stated", getattr(wanted, name) or "none"
    if sorted(approval.pools) != sorted(wanted.pools):
        yield "pools", ", ".join(approval.pools), ", ".join(wanted.pools)
    if wanted.start < approval.not_before:
        yield "not_before", approval.not_before.isoformat(), f"{wanted.start.isoformat()} or before"
    if wanted.end > approval.not_after:
        yield "not_after", approval.not_after.isoformat(), f"{wanted.end.isoformat()} or later"
    if wanted.max_usd > approval.max_price_usd:
        yield "max_price_usd", f"{approval.max_price_usd:,}", f"at least --max-price-usd, {wanted.max_usd:,}"
    if now >= approval.expires:
        yield "expires", approval.expires.isoformat(), f"a moment after {now.isoformat()}"


def _refuse_own(file: Path, approver: str, repository: Path) -> None:
    folder = file.resolve().parent
    committed = _git(folder, "rev-parse", "--verify", "--quiet", f"HEAD:./{file.name}")
    # `git status` doesn't look at files that it was told to assume unchanged.
    if not committed or committed != _git(folder, "hash-object", "--", file.name):
        raise RefusedError(path=file, got="not committed as it is", expected="a commit of the approver")
    if _git(folder, "rev-parse", "--show-toplevel") != _git(repository, "rev-parse", "--show-toplevel"):
        raise RefusedError(path=file, got="in another repository", expected=f"a file of that of {repository}")
    author = _git(folder, "log", "-1", "--format=%ae", "--", file.name)
    if author.lower() != approver.lower():
        raise RefusedError(path=f"the author of {file}", got=author or "unknown", expected=f"{approver}, its approver")
    if author.lower() == buyer(folder).lower():
        raise RefusedError(path=f"the author of {file}", got=f"{author}, who buys", expected="a second person's commit")


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(path="git", got=f"not to be asked ({error})", expected="the repository's git") from error
    return done.stdout.strip() if done.returncode == 0 else ""
