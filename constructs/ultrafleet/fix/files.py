"""Template files in which findings are repaired: which ones, and how they are written."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ultrafleet.bounded_file import MOST_BYTES, read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.fix.repairing import Repaired, repaired_text
from ultrafleet.policy.engine import check_templates
from ultrafleet.policy.rule import Finding
from ultrafleet.templates.assembly import MANIFEST, is_assembly
from ultrafleet.templates.linking import linked
from ultrafleet.templates.parsing import parse_template
from ultrafleet.templates.template import Template

_BOM: Final = b"\xef\xbb\xbf"
_SYNTHESISED: Final = ('"aws:cdk:path"', "aws:cdk:path:", "AWS::CDK::Metadata")


@dataclass(frozen=True, kw_only=True)
class FileFixed:
    """A file, before and after its repair.

    Attributes:
        path: the file.
        before: its text.
        result: its text afterwards, what was repaired and what is left.
        why_not: why the file isn't touched; "" if it may be.
    """

    path: Path
    before: str
    result: Repaired
    why_not: str = ""

    @property
    def is_changed(self) -> bool:
        """True if its text is another one afterwards."""
        return self.result.text != self.before


def fixed_files(
    templates: Sequence[Template],
    findings: Sequence[Finding],
    wanted: Callable[[Finding], bool],
    *,
    write: bool,
) -> Iterator[FileFixed]:
    """Files of templates that have findings, repaired one after the other.

    Args:
        templates: templates that are read together; their names are the paths of their files.
        findings: what is found in them.
        wanted: which findings are to be repaired.
        write: whether files are written.
    """
    current = list(templates)
    for place, template in enumerate(templates):
        own = [item for item in findings if item.file == template.name and wanted(item)]
        if not own:
            continue
        path = Path(template.name)
        why = _why_not(path, template)
        if why:
            yield FileFixed(
                path=path,
                before=template.text,
                result=Repaired(text=template.text, left=[(item, why) for item in own]),
                why_not=why,
            )
            continue
        made = _repaired(current, place, wanted)
        if made.text != template.text and write:
            try:
                written_in_place(path, template.text, made.text)
            except (FleetError, OSError) as error:
                why = str(error)
                yield FileFixed(
                    path=path,
                    before=template.text,
                    result=Repaired(text=template.text, left=[(item, "the file can't be written") for item in own]),
                    why_not=why,
                )
                continue
        if made.text != template.text:
            changed = parse_template(made.text, name=template.name, parameters=template.parameters)
            current = linked([*current[:place], changed, *current[place + 1 :]])
        yield FileFixed(path=path, before=template.text, result=made)


def _repaired(templates: Sequence[Template], place: int, wanted: Callable[[Finding], bool]) -> Repaired:
    template = templates[place]

    def judge(text: str) -> tuple[Template, Sequence[Finding]]:
        changed = parse_template(text, name=template.name, parameters=template.parameters)
        # Only what others export, nest or are nested in counts for the findings of this one.
        together = linked([*templates[:place], changed, *templates[place + 1 :]]) if len(templates) > 1 else [changed]
        mine = together[place] if len(templates) > 1 else replace(changed)
        return mine, check_templates([mine])

    return repaired_text(template.text, judge, wanted)


def _why_not(path: Path, template: Template) -> str:
    """Why a file isn't touched; "" if it may be."""
    if any(sign in template.text for sign in _SYNTHESISED) or _is_in_assembly(path):
        return "it is synthesised: change the app that makes it"
    if path.is_symlink():
        return "it is a link: name the file that it leads to"
    try:
        about = path.lstat()
    except OSError as error:
        return f"it can't be read ({error.strerror})"
    return _why_not_by_mode(path, about) or _why_not_by_content(path, about, template)


def _why_not_by_mode(path: Path, about: os.stat_result) -> str:
    if not stat.S_ISREG(about.st_mode):
        return "it is no regular file"
    if about.st_nlink > 1:
        return "it has several names (hard links): copy it"
    is_writable = about.st_mode & 0o222 and os.access(path, os.W_OK)
    return "" if is_writable else "it is read-only: make it writable"


def _why_not_by_content(path: Path, about: os.stat_result, template: Template) -> str:
    content = path.read_bytes() if about.st_size <= MOST_BYTES else b""
    return "" if _encoded(template.text, content) == content else "it isn't UTF-8, or has changed since it was read"


def _is_in_assembly(path: Path) -> bool:
    for folder in list(path.absolute().parents)[:3]:
        manifest = folder / MANIFEST
        with suppress(FleetError, OSError, ValueError):
            if manifest.is_file() and is_assembly(read_bounded(manifest)):
                return True
    return False


def _encoded(text: str, like: bytes) -> bytes:
    return (_BOM if like.startswith(_BOM) else b"") + text.encode("utf-8", errors="replace")


def written_in_place(path: Path, before: str, after: str) -> None:
    """A file written whole or not at all, with its permissions.

    Args:
        path: the file.
        before: the text that it has to have.
        after: the text that it gets.

    Raises:
        FleetError: it is a link, or has changed meanwhile.
        OSError: it can't be written.
    """
    content = path.read_bytes()
    if path.is_symlink() or content != _encoded(before, content):
        raise FleetError(
            path=path, verb="has", got="changed since it was read", expected="the same file", remedy="run it again"
        )
    about = path.stat()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_encoded(after, content))
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(stat.S_IMODE(about.st_mode))
        with suppress(PermissionError):
            os.chown(temporary, about.st_uid, about.st_gid)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
