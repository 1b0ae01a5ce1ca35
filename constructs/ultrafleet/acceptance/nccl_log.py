"""Runs of nccl-tests in a log, with what NCCL printed during each. Standard library only.

The judge of another test, such as Trainium's, has a module of its own beside this one.
"""

import io
import re
from collections.abc import Callable, Iterable
from typing import Final

from ultrafleet.acceptance.figures import OTHER_LAYOUTS, Row, layout_of, parse_row
from ultrafleet.acceptance.figures import ROW as ROW_START
from ultrafleet.acceptance.fragments import Prefixes, is_part, split_nccl
from ultrafleet.acceptance.lines import Document, Readable, read_lines
from ultrafleet.acceptance.nccl_info import NcclInfo
from ultrafleet.acceptance.nccl_json import run_of
from ultrafleet.acceptance.runs import NcclLog, Rank, Run

_COLLECTIVE = re.compile(r"Collective test starting:\s{0,8}(\S{1,60})")
_CONCLUDED = re.compile(r"Collective test concluded")
_START = re.compile(
    r"nThread\s{1,8}([0-9]{1,6})\s{1,8}nGpus\s{1,8}([0-9]{1,6})\s{1,8}minBytes\s{1,8}([0-9]{1,20})\s{1,8}"
    r"maxBytes\s{1,8}([0-9]{1,20})(?:\s{1,8}step:\s{0,8}([0-9]{1,20})\((factor|bytes)\))?"
)
_VALIDATION = re.compile(r"validation:\s{0,8}([0-9]{1,6})")
_REDUCED = re.compile(r"Reducing maxBytes to ([0-9]{1,20})")
_RANK = re.compile(
    r"Rank\s{1,8}([0-9]{1,7})\s{1,8}(?:Group\s{1,8}([0-9]{1,7})\s{1,8})?(?:Pid\s{1,12}([0-9]{1,10})\s{1,8})?"
    r"on\s{1,40}(\S{1,255})\s{1,8}device\s{1,8}([0-9]{1,4})"
)
_AVERAGE = re.compile(r"Avg bus bandwidth\s{0,40}:\s{0,8}([^\s\"',;\\]{1,40})(?:\s{1,4}(FAILED|OK))?")
_BOUNDS = re.compile(r"Out of bounds values\s{0,40}:\s{0,8}([0-9]{1,20})\s{1,8}(FAILED|OK)")
_LAST_ERROR = re.compile(r"#\s{0,8}error:\s{0,8}(\S.{0,300})")
_FAILURES = (
    re.compile(
        r"\bexit(?:ed)?(?: with)?(?: exit)? (?:code|status|value)(?: of)?:?[ \t]{1,8}[1-9][0-9]{0,4}\b", re.IGNORECASE
    ),
    re.compile(
        r"exited on signal|exited with non-zero|returned a non-zero exit|non-zero exit code|MPI_ABORT was invoked|"
        r"BAD TERMINATION OF ONE OF YOUR|Test (?:NCCL|CUDA) failure|: Test timeout \(|Segmentation fault|"
        r"STEP [0-9.]{1,20} ON .{1,200} CANCELLED|ChildFailedError|lost communication with a remote daemon|Bus error|"
        r"command terminated with (?:non-zero )?exit code [1-9]"
    ),
)  # fmt: skip
_WORDS: Final = ("#", "Rank", "nThread", "busbw", "bus bandwidth", "Out of bounds", "Reducing", "Collective test")
"""Words that lines around a table have, whatever a viewer leaves of them."""
_MOST_RUNS: Final = 1000
_MOST_ROWS: Final = 30_000
_MOST_RANKS: Final = 1 << 17
_HELD_CHARACTERS: Final = 4000
_WAYS: Final = 3
_TEXT: Final = 300


def parse_nccl_log(log: str | Readable) -> NcclLog:
    """Read a log; whatever isn't known is passed over.

    Args:
        log: text, or a binary stream, which is read in bounded memory.
    """
    stream = io.BytesIO(log.encode("utf-8", "replace")) if isinstance(log, str) else log
    return parse_lines(read_lines(stream))


def parse_lines(lines: Iterable[str | Document]) -> NcclLog:
    """Read lines that are cleaned already."""
    parser = _Parser()
    for line in lines:
        if isinstance(line, Document):
            parser.begin(run_of(line))
        else:
            parser.take(line)
    return parser.end()


class _Parser:
    """Reader of one log."""

    def __init__(self) -> None:
        self._log = NcclLog()
        self._run = Run()
        self._held = ""
        self._last = ""
        self._prefixes = Prefixes()
        self._hosts: set[str] = set()
        self._following = NcclInfo()
        self._readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], None]], ...] = (
            (_COLLECTIVE, self._collective),
            (_START, self._start),
            (_RANK, self._rank),
            (_AVERAGE, self._average),
            (_BOUNDS, self._bounds),
            (_REDUCED, self._reduce),
            (_LAST_ERROR, self._last_error),
        )

    def begin(self, run: Run) -> None:
        """Keep the run so far, and begin another."""
        self._flush()
        info = self._following
        if self._run.is_begun:
            if len(self._log.runs) < _MOST_RUNS:
                self._log.runs.append(self._run)
            else:
                self._log.runs[-1].is_overfull = True
        elif self._run.info.seen:
            info = self._run.info
        self._run, self._following = run, NcclInfo()
        if info.seen or info.version:
            self._run.info = info

    def end(self) -> NcclLog:
        """The log."""
        self._flush()
        if self._run.is_begun or self._run.info.seen or self._run.failures:
            self._log.runs.append(self._run)
        return self._log

    def take(self, line: str) -> None:
        """Read one line."""
        if "NCCL " in line:
            before, nccl = split_nccl(line, self._hosts)
            if nccl is not None:
                if nccl.host and len(self._hosts) < _MOST_RANKS:
                    self._hosts.add(nccl.host)
                self._info.take(nccl)
                if not self._prefixes.strip(before).strip():
                    self._hold_last()
                self._cut(before)
                if within := ROW_START.search(nccl.text):
                    self._text(nccl.text[within.start() :])
                elif nccl.level == "WARN" or "ailure" in nccl.text:
                    self._failure(nccl.text)
                return
        self._last = ""
        self._text(line)

    @property
    def _info(self) -> NcclInfo:
        """Record that NCCL's next statement belongs to: after a run's end it is the next one's, if there is one."""
        return self._following if self._run.averages else self._run.info

    def _cut(self, before: str) -> None:
        """Hold the beginning of a row or line that a line of NCCL's cuts off."""
        if not before.strip():
            self._held += before if self._held else ""
            return
        part = self._prefixes.strip(before)
        start = ROW_START.search(before)
        if self._held and start is None:
            # Of a stream that was cut, what goes on is exactly what follows.
            glued = self._held + part
            row = None if self._held.lstrip().startswith("#") else parse_row(glued, self._run.layout)
            if row is not None and row.is_consistent:
                self._held = ""
                self._row(row)
                return
            if is_part(glued):
                self._held = glued[-_HELD_CHARACTERS:]
                return
        if start is not None:
            self._text(before)
        elif is_part(part):
            self._flush()
            self._held = part

    def _glued(self, text: str) -> list[str]:
        """Ways to put a held beginning and a text together, likeliest first."""
        stripped = self._prefixes.strip(text)
        return [self._held + stripped, f"{self._held} {stripped}", self._held + text]

    def _flush(self) -> None:
        """Give up a held beginning that nothing continued."""
        if self._held and (start := ROW_START.search(self._held)):
            if len(self._run.broken_sizes) < _MOST_ROWS:
                self._run.broken_sizes.append(int(start.group(1)))
        elif self._held.lstrip().startswith("#"):
            held, self._held = self._held, ""
            self._whole(held)
        self._held = ""

    def _text(self, line: str) -> None:
        """Read a line of nccl-tests, or the rest of one."""
        if self._held:
            rest = self._prefixes.strip(line)
            if self._held.lstrip().startswith("#"):
                held, self._held = self._held, ""
                if not rest.lstrip().startswith("#"):
                    self._whole(held + rest)
                    return
                self._whole(held)
            elif not rest.strip() or self._begin_row(line) or self._continue(line):
                return
        self._whole(line)

    def _begin_row(self, line: str) -> bool:
        """True if what is held is the beginning of a row's size or count, and a line goes on with it."""
        if ROW_START.search(self._held) is None:
            for glued in self._glued(line):
                start = ROW_START.search(glued)
                if start is not None and start.start() < len(self._held):
                    self._held = ""
                    self._table_row(glued[start.start() :])
                    return True
        return False

    def _continue(self, line: str) -> bool:
        """True if a line goes on with the row that is held."""
        glued = self._glued(line)
        if "#" not in line and ROW_START.search(line) is None:
            cells = line.split()
            glued += [f"{self._held} {' '.join(cells[at:])}" for at in range(1, min(len(cells), 12))]
        if line != line.rstrip(" "):
            # A row's last figure has no blanks after it, so that more follows, and exactly so.
            glued = glued[:1]
        found = [(text, parse_row(text, self._run.layout)) for text in glued if len(ROW_START.findall(text)) == 1]
        # With a blank between the parts the end of a bandwidth would be a count of wrong values.
        whole = next(
            (row for text, row in found if row and row.is_consistent and (text == glued[0] or not row.wrong)), None
        )
        if whole is None and found and not is_part(found[0][0]):
            whole = next((row for _, row in found if row is not None), None)
        if whole is not None:
            self._held = ""
            self._row(whole)
            return True
        for text in glued[:_WAYS]:
            if is_part(text) and ROW_START.search(line) is None:
                self._held = text[-_HELD_CHARACTERS:]
                return True
        return False

    def _whole(self, line: str) -> None:
        """Read a line that nothing is held of."""
        start = ROW_START.search(line)
        if start is not None:
            self._table_row(line[start.start() :])
            return
        if any(word in line for word in _WORDS):
            self._head(line)
        else:
            self._stray(line)

    def _stray(self, line: str) -> None:
        """Read a line that is none of nccl-tests', or the beginning of one: NCCL begins a warning with a line's end."""
        self._last = self._prefixes.strip(line)[:_HELD_CHARACTERS]
        self._failure(line)

    def _hold_last(self) -> None:
        """Hold the line before one of NCCL's, if it can be the beginning of one of nccl-tests'."""
        last, self._last = self._last, ""
        run = self._run
        if last.lstrip().startswith("#"):
            is_cut = not run.averages and (bool(run.rows) or "Rank" in last)
        else:
            is_cut = run.has_table and not run.averages and is_part(last)
        if is_cut and not self._held:
            self._held = last

    def _table_row(self, text: str) -> None:
        self._flush()
        row = parse_row(text, self._run.layout)
        if row is None or not row.is_consistent:
            for other in self._prefixes.without(text[:_HELD_CHARACTERS]):
                found = parse_row(other, self._run.layout)
                if found is not None and found.is_consistent:
                    row = found
                    break
            else:
                others = (parse_row(text, layout) for layout in OTHER_LAYOUTS if row is not None)
                row = next((found for found in others if found is not None and found.is_consistent), row)
        if row is None:
            self._held = text[:_HELD_CHARACTERS]
            return
        self._row(row)

    def _row(self, row: Row) -> None:
        run = self._run
        run.goes_on_after_end = run.goes_on_after_end or bool(run.averages)
        if len(run.rows) < _MOST_ROWS:
            run.rows.append(row)
        else:
            run.is_overfull = True

    def _head(self, line: str) -> None:
        """Read a line around the table."""
        self._prefixes.learn(line)
        if (layout := layout_of(line)) is not None:
            if self._run.rows or self._run.averages:
                self.begin(Run())
            self._run.has_table, self._run.layout = True, layout
            return
        for pattern, read in self._readers:
            if (found := pattern.search(line)) is not None:
                read(found)
                return
        self._stray(line)

    def _collective(self, found: re.Match[str]) -> None:
        run = self._run
        if run.starts or run.ranks or run.rows or run.has_table or run.averages:
            self.begin(Run())
        self._run.names += 1
        self._run.collective = found.group(1)

    def _bounds(self, found: re.Match[str]) -> None:
        count, verdict = self._run.out_of_bounds or (0, "OK")
        failed = "FAILED" in {verdict, found.group(2)}
        self._run.out_of_bounds = (count + int(found.group(1)), "FAILED" if failed else "OK")

    def _last_error(self, found: re.Match[str]) -> None:
        self._run.last_error = found.group(1).strip()

    def _start(self, start: re.Match[str]) -> None:
        run = self._run
        if run.ranks or run.rows or run.has_table or run.averages:
            self.begin(Run())
            run = self._run
        run.starts += 1
        run.min_bytes, run.max_bytes = int(start.group(3)), int(start.group(4))
        if start.group(5) is not None:
            run.step, run.step_is_factor = int(start.group(5)), start.group(6) == "factor"
        if validation := _VALIDATION.search(start.string, start.end()):
            run.validation = int(validation.group(1))

    def _rank(self, rank: re.Match[str]) -> None:
        if self._run.rows or self._run.averages:
            self.begin(Run())
        if len(self._run.ranks) >= _MOST_RANKS:
            self._run.is_overfull = True
            return
        number, group, _, host, device = rank.groups()
        if len(self._hosts) < _MOST_RANKS:
            self._hosts.add(host)
        self._run.ranks.append(Rank(int(number), int(group or 0), host, int(device)))

    def _average(self, average: re.Match[str]) -> None:
        try:
            value = float(average.group(1))
        except ValueError:
            return
        self._flush()
        self._run.averages += 1
        self._run.average_bus_bandwidth = value
        if average.group(2) is not None and self._run.own_verdict != "FAILED":
            self._run.own_verdict = average.group(2)

    def _reduce(self, found: re.Match[str]) -> None:
        run, max_bytes = self._run, int(found.group(1))
        run.max_bytes = min(run.max_bytes or max_bytes, max_bytes)
        run.min_bytes = min(run.min_bytes or max_bytes, max_bytes)

    def _failure(self, line: str) -> None:
        """Keep a line that reports that a process failed, once a run has begun."""
        if not self._run.is_begun or len(self._run.failures) >= _MOST_FAILURES:
            return
        if any(pattern.search(line[:_FAILURE_CHARACTERS]) for pattern in _FAILURES):
            text = self._prefixes.strip(line).strip()[:_TEXT]
            if text not in self._run.failures:
                self._run.failures.append(text)


_MOST_FAILURES: Final = 4
_FAILURE_CHARACTERS: Final = 2000
