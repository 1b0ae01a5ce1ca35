"""Runs check and review over templates that nobody would write, for some minutes of CPU time.

    python tests/tools/fuzz_templates.py [MINUTES [FIRST_SEED]]

It ends with the first input that gives a traceback or takes over 5 s, or with a round of 200 that takes over 500 MB.
"""

import multiprocessing
import resource
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parent.parent))

from helpers.template_fuzz import broken, run  # the path is set above

_MEGABYTES = 500
_EXAMPLES = 200


def round_of(number: int) -> tuple[float, int, int, float, int]:
    """CPU seconds, inputs, those that were reviewed, seconds of the slowest, megabytes: of one round."""
    begin, counts, slowest = time.process_time(), [0, 0], [0.0]

    @seed(number)
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(base=broken(), head=broken())
    def one(base: str, head: str) -> None:
        before = time.process_time()
        counts[1] += run(base, head) == "ok"
        counts[0] += 1
        slowest[0] = max(slowest[0], time.process_time() - before)

    one()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    assert megabytes < _MEGABYTES, f"{megabytes} MB"
    return time.process_time() - begin, counts[0], counts[1], slowest[0], megabytes


def main(minutes: float, first: int) -> None:
    """Run rounds in processes of their own until the time is over."""
    seconds, inputs, reviewed, slowest, largest = 0.0, 0, 0, 0.0, 0
    with multiprocessing.Pool(2, maxtasksperchild=1) as workers:
        for taken, made, done, worst, megabytes in workers.imap_unordered(round_of, range(first, first + 10_000)):
            seconds, inputs, reviewed = seconds + taken, inputs + made, reviewed + done
            slowest, largest = max(slowest, worst), max(largest, megabytes)
            print(
                f"{seconds:6.0f} s of CPU, {inputs:,} inputs, {reviewed:,} reviewed, the slowest {slowest:.2f} s, "
                f"largest process {largest} MB",
                flush=True,
            )
            if seconds >= minutes * 60:
                break


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
