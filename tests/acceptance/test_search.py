"""Search for faulty nodes by twos."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.acceptance.search import Pair, faulty

HOSTS = st.integers(3, 72).map(lambda count: [f"host-{number}" for number in range(count)])


@given(HOSTS.flatmap(lambda hosts: st.tuples(st.just(hosts), st.sets(st.sampled_from(hosts)))))
def test_names_the_faulty_ones_where_two_good_ones_meet(given: tuple[list[str], set[str]]) -> None:
    hosts, bad = given
    calls: list[Sequence[Pair]] = []

    def passes(pairs: Sequence[Pair]) -> list[bool]:
        calls.append(pairs)
        assert len({host for pair in pairs for host in pair}) == 2 * len(pairs), "no host is in two pairs at once"
        return [not bad & set(pair) for pair in pairs]

    found = faulty(hosts, passes)
    met = any(not bad & set(pair) for pairs in calls for pair in pairs)
    assert set(found) == (bad if met else set())
    assert len(found) == len(set(found))


@given(HOSTS)
def test_names_none_where_all_pairs_fail_or_pass(hosts: list[str]) -> None:
    assert faulty(hosts, lambda pairs: [False] * len(pairs)) == []
    assert faulty(hosts, lambda pairs: [True] * len(pairs)) == []


def test_one_of_eighteen_takes_two_rounds() -> None:
    hosts = [f"host-{number}" for number in range(18)]
    rounds: list[int] = []

    def passes(pairs: Sequence[Pair]) -> list[bool]:
        rounds.append(len(pairs))
        return ["host-7" not in pair for pair in pairs]

    assert faulty(hosts, passes) == ["host-7"]
    assert rounds == [9, 2]


@given(HOSTS.flatmap(lambda hosts: st.tuples(st.just(hosts), st.sampled_from(hosts))))
def test_a_single_faulty_one_is_always_named(given: tuple[list[str], str]) -> None:
    hosts, bad = given
    assert faulty(hosts, lambda pairs: [bad not in pair for pair in pairs]) == [bad]
