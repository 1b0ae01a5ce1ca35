"""Answers beside an environment file: what synthesis refuses, tells and remembers by them."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.answers import DALLAS, OPT_IN, OPT_IN_FACT, opt_in_answer
from helpers.rehearsal_site import ENVIRONMENTS
from ultrafleet.doctor import Answers, Question, RecordedAnswer, UsableAnswer, Verdict, answers_file, write_answers
from ultrafleet.doctor.probe import Answer
from ultrafleet.doctor.synthesis import answers_beside, notes, refuse_contradicted, settled
from ultrafleet.environment import Environment, EnvironmentFileError, load_environment, load_environments
from ultrafleet.environment.digest import environment_digest, refuse_stale_assembly, write_digest
from ultrafleet.environment.local_zones import local_zone_groups
from ultrafleet.errors import FleetError
from ultrafleet.facts import Known, all_facts
from ultrafleet.rehearsal.scenarios.rested_on import rested_on
from ultrafleet.rules.zones import zone_group

TODAY = date(2026, 11, 26)


def answer(verdict: Verdict = Verdict.YES, *, asked: date = TODAY, **changed: Any) -> RecordedAnswer:
    """Answer of training's account about its Local Zone."""
    return opt_in_answer(verdict, asked=asked, **changed)


NO = answer(Verdict.NO)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "training.yaml").write_text((ENVIRONMENTS / "training.yaml").read_text())
    return tmp_path


@pytest.fixture
def training(folder: Path) -> Environment:
    return load_environment(folder / "training.yaml")


Beside = Callable[..., Answers]


@pytest.fixture
def beside(folder: Path, training: Environment) -> Beside:
    """What the environment makes of the answers that are written beside it."""

    def written(*answers: RecordedAnswer, today: date = TODAY) -> Answers:
        write_answers(answers_file(folder, "training"), answers)
        return answers_beside(folder, training, today=today)

    return written


def told(training: Environment, answers: Answers) -> list[str]:
    return [note.text for note in notes(training, answers)]


class TestRefusals:
    def test_a_no_refuses_with_file_path_observation_and_remedy(
        self, folder: Path, training: Environment, beside: Beside
    ) -> None:
        with pytest.raises(EnvironmentFileError) as caught:
            refuse_contradicted(folder, training, beside(NO))
        error = caught.value
        assert error.path == f"{folder}/training.yaml: network.subnets: {DALLAS}"
        assert (error.got, error.expected) == ("us-east-1-dfw-2 is not-opted-in", "opted-in")
        assert str(error) == (
            f"{error.path}: account 111122223333 answered no on 2026-11-26: us-east-1-dfw-2 is not-opted-in, expected "
            f"opted-in: {OPT_IN}; then `ultrafleet doctor training` asks again and writes "
            f"{folder}/answers/training.json"
        )

    @pytest.mark.parametrize("verdict", [Verdict.YES, Verdict.DENIED, Verdict.UNCLEAR])
    def test_no_other_answer_does(self, folder: Path, training: Environment, beside: Beside, verdict: Verdict) -> None:
        refuse_contradicted(folder, training, beside(answer(verdict)))

    @pytest.mark.parametrize(
        "changed",
        [
            {"account": "999999999999"},
            {"region": "us-west-2"},
            {"asked": TODAY - timedelta(days=91)},
            {"subject": "us-east-1-bos-1a"},
            {"expected": "opt-in-not-required"},
        ],
        ids=lambda changed: next(iter(changed)),
    )
    def test_one_of_another_account_region_day_or_question_is_ignored_and_told(
        self, folder: Path, training: Environment, beside: Beside, changed: dict[str, Any]
    ) -> None:
        answers = beside(NO.model_copy(update=changed))
        refuse_contradicted(folder, training, answers)
        assert any(
            line.startswith("answer of zone-opt-in about") and "is ignored: " in line
            for line in told(training, answers)
        )
        assert settled(answers) == ()

    def test_one_that_stops_no_launch_is_told(self, folder: Path, training: Environment) -> None:
        question = Question(
            subject="7", expected="8", ask=lambda _: Answer(verdict=Verdict.NO, observed=""), path="pools"
        )
        item = UsableAnswer(answer=NO.model_copy(update={"subject": "7", "settles": ()}), question=question)
        answers = Answers(usable=(item,))
        refuse_contradicted(folder, training, answers)
        assert told(training, answers)[-1].startswith("pools: 7: account 111122223333 answered no on 2026-11-26: us-")


class TestNotes:
    def test_an_opt_in_is_told_with_its_command_until_the_account_says_yes(
        self, training: Environment, beside: Beside
    ) -> None:
        (line,) = told(training, beside())
        assert line == (
            f"subnet dallas in {DALLAS}: not verified that account 111122223333 is opted in to us-east-1-dfw-2: "
            f"`{OPT_IN}` opts in, `ultrafleet doctor training` checks it"
        )
        for verdict in (Verdict.DENIED, Verdict.UNCLEAR):
            assert told(training, beside(answer(verdict))) == [line]
        assert told(training, beside(answer())) == []

    def test_no_local_zone_no_note(self) -> None:
        dev = load_environment(ENVIRONMENTS / "dev.yaml")
        assert local_zone_groups(dev) == []
        assert told(dev, Answers()) == []

    def test_zones_of_one_group_are_told_together(self, folder: Path) -> None:
        content = yaml.safe_load((folder / "training.yaml").read_text())
        subnet = {
            "name": "far",
            "kind": "accelerator",
            "availability_zone": "us-east-1-dfw-2b",
            "cidr": "10.64.64.0/24",
        }
        content["network"]["subnets"].append(subnet)
        (folder / "training.yaml").write_text(yaml.safe_dump(content))
        made = load_environment(folder / "training.yaml")
        (group,) = local_zone_groups(made)
        assert (group.name, group.zones) == ("us-east-1-dfw-2", (DALLAS, "us-east-1-dfw-2b"))
        write_answers(answers_file(folder, "training"), [answer()])
        # The other zone isn't answered.
        (line,) = told(made, answers_beside(folder, made, today=TODAY))
        assert line.startswith("subnets dallas, far in us-east-1-dfw-2a, us-east-1-dfw-2b: ")

    def test_fails_to_name_the_group_of_another_zone(self) -> None:
        assert zone_group("us-west-2-lax-1b") == "us-west-2-lax-1"
        with pytest.raises(FleetError, match="'us-east-1a', expected a Local Zone"):
            zone_group("us-east-1a")

    def test_add_ons_whose_version_eks_chooses_are_told(self, training: Environment) -> None:
        cluster = training.cluster.model_copy(update={"kubernetes_version": "1.34"})
        lines = told(training.model_copy(update={"cluster": cluster}), Answers())
        assert lines[-1] == (
            "not verified: EKS chooses the version of eks-node-monitoring-agent, aws-fsx-csi-driver, and checks "
            "configuration against it: no source states one for Kubernetes 1.34; pin it in cluster.addon_versions"
        )


class TestDigest:
    def test_other_answers_are_another_digest_and_a_later_day_is_not(
        self, training: Environment, beside: Beside
    ) -> None:
        def digest(*answers: RecordedAnswer) -> str:
            return environment_digest(training, settled(beside(*answers)))

        assert digest() == environment_digest(training)
        assert digest(answer()) != digest()
        assert digest(answer(asked=TODAY - timedelta(days=3), observed="otherwise said")) == digest(answer())
        assert digest(answer(Verdict.DENIED)) == digest()
        assert digest(NO) != digest(answer())

    def test_an_assembly_of_other_answers_is_stale(self, tmp_path: Path, training: Environment, beside: Beside) -> None:
        write_digest(tmp_path, training, settled(beside()))
        refuse_stale_assembly(tmp_path, training, settled(beside()))
        with pytest.raises(FleetError, match=r"or answers/training\.json has other answers, expected"):
            refuse_stale_assembly(tmp_path, training, settled(beside(answer())))


def test_the_folder_of_answers_is_no_environment(folder: Path, beside: Beside) -> None:
    beside(answer())
    assert [item.name for item in load_environments(folder)] == ["training"]


def test_a_broken_file_of_answers_is_refused(folder: Path, training: Environment) -> None:
    path = answers_file(folder, "training")
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(FleetError, match=r"training\.json:1 is no valid JSON"):
        answers_beside(folder, training, today=TODAY)


class TestRestedOn:
    def test_a_yes_lifts_the_statement_and_nothing_else_does(self, training: Environment, beside: Beside) -> None:
        def states(*answers: RecordedAnswer) -> set[str]:
            return {item.states for item in rested_on(training, beside(*answers))}

        assert states() - states(answer()) == {"the account is opted in to the Local Zone"}
        assert states(NO) == states(answer(Verdict.DENIED)) == states()

    @pytest.mark.parametrize(
        ("fact_id", "lifted"),
        [
            ("instance-type/p6e-gb200.36xlarge/max_efa_interfaces", "max_efa_interfaces of p6e-gb200.36xlarge is 16"),
            ("assumption/starts-at-min-size", "a node group that states no desired size starts"),
        ],
    )
    def test_a_fact_that_is_verified_is_no_longer_told(self, training: Environment, fact_id: str, lifted: str) -> None:
        gone = {item.states for item in rested_on(training)} - {
            item.states for item in rested_on(training, verified([fact_id]))
        }
        assert len(gone) == 1
        assert gone.pop().startswith(lifted)


def verified(fact_ids: Sequence[str], verdict: Verdict = Verdict.YES) -> Answers:
    """Answers that settle facts which no probe of the library may settle."""
    question = Question(
        subject=DALLAS,
        path="pools",
        expected="opted-in",
        ask=lambda _: Answer(verdict=verdict, observed=""),
        settles=tuple(fact_ids),
    )
    return Answers(usable=(UsableAnswer(answer=answer(verdict), question=question),))


class TestFacts:
    def test_a_yes_makes_the_account_the_source(self, beside: Beside) -> None:
        (before,), (after,) = all_facts(OPT_IN_FACT), all_facts(OPT_IN_FACT, answers=beside(answer()))
        assert (before.known, after.known) == (Known.LOW, Known.HIGH)
        assert after.keys["source"] == ("account 111122223333 answered yes on 2026-11-26: us-east-1-dfw-2 is opted-in")
        assert after.keys["as_of"] == "2026-11-26"
        assert after.keys["note"] == f"elsewhere: {before.fact.source}"
        assert after.fact.value == before.fact.value

    def test_a_no_leaves_low_confidence(self) -> None:
        fact_id = "eks/addon/vpc-cni/minimum-version"
        (before,), (after,) = all_facts(fact_id), all_facts(fact_id, answers=verified([fact_id], Verdict.NO))
        assert (before.known, after.known) == (Known.HIGH, Known.LOW)
        assert "answered no on 2026-11-26" in str(after.keys["source"])

    def test_an_unknown_value_becomes_what_was_observed(self) -> None:
        fact_id = "eks/node-group/size-without-desired-size"
        (before,), (after,) = all_facts(fact_id), all_facts(fact_id, answers=verified([fact_id]))
        assert before.known is Known.UNKNOWN
        assert (after.known, after.fact.value) == (Known.HIGH, "us-east-1-dfw-2 is opted-in")

    def test_confidence_is_filtered_by_what_the_account_says(self, beside: Beside) -> None:
        answers = beside(answer())
        assert [item.id for item in all_facts(OPT_IN_FACT, known=[Known.HIGH], answers=answers)] == [OPT_IN_FACT]
        assert all_facts(OPT_IN_FACT, known=[Known.LOW], answers=answers) == []

    def test_without_answers_nothing_changes(self, beside: Beside) -> None:
        assert [item.keys for item in all_facts(answers=beside())] == [item.keys for item in all_facts()]
