"""Search for the nodes that a test of all of them fails for, by tests of two. Standard library only, no I/O."""

from collections.abc import Callable, Sequence

Pair = tuple[str, str]


def faulty(hosts: Sequence[str], passes: Callable[[Sequence[Pair]], Sequence[bool]]) -> list[str]:
    """Hosts that fail with a partner that has passed with another; empty where no pair passes, or all do.

    Two good nodes pass; a pair with a bad one fails. No host is in two pairs of one call, so that they run at once.

    Args:
        hosts: the hosts.
        passes: whether each of some pairs passes.
    """
    good: list[str] = []
    for shift in (0, 1, 2):  # of three hosts one is without a partner each time
        turned = [*hosts[shift:], *hosts[:shift]]
        pairs = list(zip(turned[::2], turned[1::2], strict=False))
        good = [host for pair, passed in zip(pairs, passes(pairs), strict=True) if passed for host in pair]
        if good:
            break
    suspects = [host for host in hosts if host not in good]
    found: list[str] = []
    while suspects and good:
        pairs = list(zip(suspects, good, strict=False))
        found += [pair[0] for pair, passed in zip(pairs, passes(pairs), strict=True) if not passed]
        suspects = suspects[len(pairs) :]
    return found
