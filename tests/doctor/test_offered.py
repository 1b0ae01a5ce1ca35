"""What AWS offers, asked before it costs a block: the zone, the Kubernetes version, the type, on the embedded AWS.

The same three at synthesis: tests/environment/test_environment.py (a zone that doesn't sell the type),
tests/cli/test_summary_command.py (support that ends), tests/stacks/test_answers.py (the opt-in). In the rehearsal:
tests/rehearsal/test_faults.py, with the faults that are injected here.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from helpers import aws_state
from helpers.answers import OPT_IN
from helpers.rehearsal_site import ENVIRONMENTS
from ultrafleet.doctor import PROBES, Answer, AwsRefusalError, Question, Verdict, answers_of, ask, record
from ultrafleet.doctor.synthesis import notes, refuse_contradicted
from ultrafleet.environment import Environment, EnvironmentFileError, load_environment
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget
from ultrafleet.rehearsal.scenarios.faults.injections import INJECTIONS
from ultrafleet.rehearsal.simulated_account import Refusal

NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Account:
    """The embedded AWS, as a probe asks it."""

    def __init__(self, environment: Environment) -> None:
        self._call = Calls(account_id=environment.account, region=environment.region)

    def call(self, service: str, operation: str, /, **request: Any) -> dict[str, Any]:
        try:
            return dict(self._call(service, operation, **request))
        except Refusal as error:
            raise AwsRefusalError(f"{service}:{operation}", error.code, str(error)) from error

    def pages(self, service: str, operation: str, key: str, /, **request: Any) -> Iterator[Any]:
        yield from self.call(service, operation, **request)[key]


def environment(**cluster: Any) -> Environment:
    loaded = load_environment(ENVIRONMENTS / "training.yaml")
    return loaded.model_copy(update={"cluster": loaded.cluster.model_copy(update=cluster)})


def answered(probe_id: str, asked: Environment, *, fault: str | None = None, now: datetime = NOW) -> dict[str, Answer]:
    """Answers of the embedded AWS to a probe's questions, with a fault or at another time."""
    with embedded_aws(asked, now=now):
        if fault is not None:
            INJECTIONS[fault](FaultTarget(environment=asked, pool="rack-a"))
        found = {item.subject: ask(item, Account(asked)) for item in questions(probe_id, asked)}
        aws_state.forget()
    return {subject: answer for subject, answer in found.items() if answer is not None}


def questions(probe_id: str, asked: Environment) -> list[Question]:
    (probe,) = [item for item in PROBES if item.id == probe_id]
    return list(probe.questions(asked))


class TestKubernetesVersion:
    def test_is_offered_and_in_standard_support(self) -> None:
        found = answered("kubernetes-version", environment())
        assert {item.verdict for item in found.values()} == {Verdict.YES}
        assert found["support of 1.35"].observed == (
            "STANDARD_SUPPORT, standard support until 2027-03-27, extended support until 2028-03-27"
        )

    def test_one_that_eks_no_longer_offers_is_refused(self) -> None:
        found = answered("kubernetes-version", environment(), fault="kubernetes-version-withdrawn")
        answer = found["Kubernetes 1.35"]
        assert answer.verdict is Verdict.NO
        assert answer.observed == "EKS doesn't offer Kubernetes 1.35"
        assert answer.remedy == "raise kubernetes_version to one of 1.34, 1.36, 1.37"

    def test_one_in_extended_support_is_told_and_does_not_stop(self) -> None:
        found = answered("kubernetes-version", environment(kubernetes_version="1.33"))
        assert found["Kubernetes 1.33"].verdict is Verdict.YES
        support = found["support of 1.33"]
        assert support.verdict is Verdict.NO
        assert support.observed.startswith("EXTENDED_SUPPORT, standard support until 2026-07-29")
        assert "upgrade_policy EXTENDED" in support.remedy
        (question,) = [
            item
            for item in questions("kubernetes-version", environment(kubernetes_version="1.33"))
            if item.subject.startswith("support")
        ]
        assert not question.stops_launch

    def test_extended_support_that_is_paid_for_is_not_asked_about(self) -> None:
        asked = environment(kubernetes_version="1.33", upgrade_policy="EXTENDED")
        assert [item.subject for item in questions("kubernetes-version", asked)] == ["Kubernetes 1.33"]

    def test_extended_support_ends_too(self) -> None:
        late = datetime(2027, 7, 30, tzinfo=UTC)
        found = answered("kubernetes-version", environment(kubernetes_version="1.33"), now=late)
        assert found["Kubernetes 1.33"].verdict is Verdict.NO


class TestLocalZone:
    def test_a_zone_that_is_not_opted_in_is_refused_at_the_next_synthesis(self, tmp_path: Path) -> None:
        asked = environment()
        found = answered("zone-opt-in", asked, fault="zone-not-opted-in")
        (answer,) = found.values()
        assert (answer.verdict, answer.remedy) == (Verdict.NO, OPT_IN)
        (probe,) = [item for item in PROBES if item.id == "zone-opt-in"]
        (question,) = probe.questions(asked)
        kept = record(probe, question, answer, environment=asked, asked=date(2026, 12, 1))
        answers = answers_of(asked, [kept], probes=PROBES, today=date(2026, 12, 2))
        with pytest.raises(EnvironmentFileError, match="account 111122223333 answered no on 2026-12-01"):
            refuse_contradicted(tmp_path, asked, answers)

    def test_one_that_is_says_yes(self) -> None:
        (answer,) = answered("zone-opt-in", environment()).values()
        assert answer.verdict is Verdict.YES


class TestOffering:
    RACK = "p6e-gb200.36xlarge in us-east-1-dfw-2a"

    def test_a_type_that_the_zone_sells(self) -> None:
        assert answered("offering", environment())[self.RACK].verdict is Verdict.YES

    def test_one_that_it_does_not(self) -> None:
        answer = answered("offering", environment(), fault="type-not-sold")[self.RACK]
        assert answer.verdict is Verdict.NO
        assert answer.observed == "p6e-gb200.36xlarge not offered in us-east-1-dfw-2a"


def test_answers_that_stop_nothing_are_told_at_synthesis() -> None:
    asked = environment(kubernetes_version="1.33")
    found = answered("kubernetes-version", asked)
    (probe,) = [item for item in PROBES if item.id == "kubernetes-version"]
    kept = [
        record(probe, item, found[item.subject], environment=asked, asked=date(2026, 12, 1))
        for item in probe.questions(asked)
    ]
    answers = answers_of(asked, kept, probes=PROBES, today=date(2026, 12, 2))
    told = [note.text for note in notes(asked, answers)]
    assert any(line.startswith("cluster.kubernetes_version: support of 1.33: account") for line in told)
