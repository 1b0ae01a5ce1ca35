"""Answers of an account in the commands that read them: summary, facts, preflight."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helpers import aws_state, command
from helpers.answers import DALLAS, OPT_IN, OPT_IN_FACT, opt_in_answer, write_training_answers
from helpers.doctor_world import guarded
from helpers.rehearsal_site import ENVIRONMENTS
from helpers.today import now as real_now
from ultrafleet.cli import app
from ultrafleet.doctor import Verdict
from ultrafleet.environment import load_environment
from ultrafleet.environment.digest import write_digest
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget
from ultrafleet.rehearsal.scenarios.faults.injections import INJECTIONS

DAY = date(2026, 12, 1)
"""On which no block and no price of training is over."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the training environment, and with an assembly of one stack."""
    (tmp_path / "training.yaml").write_text((ENVIRONMENTS / "training.yaml").read_text())
    stage = tmp_path / "cdk.out" / "assembly-training"
    stage.mkdir(parents=True)
    (stage / "s.template.json").write_text(json.dumps({"Resources": {}}))
    properties = {"templateFile": "s.template.json", "stackName": "training-s"}
    stack = {"type": "aws:cloudformation:stack", "properties": properties}
    (stage / "manifest.json").write_text(json.dumps({"artifacts": {"s": stack}}))
    write_digest(stage, load_environment(tmp_path / "training.yaml"))
    return tmp_path


def run(word: str, folder: Path, *arguments: str) -> tuple[int, str, str]:
    places = ["--environments", str(folder)]
    if word != "facts":
        places += ["--assembly", str(folder / "cdk.out")]
    result = command.run(word, *arguments, *places)
    return result.returncode, result.stdout, result.stderr


class TestSummary:
    def told(self, folder: Path, *arguments: str) -> list[str]:
        code, out, err = run("summary", folder, "training", *arguments)
        assert code == 0, err
        return [line for line in out.splitlines() if line.startswith("training: ")]

    def test_tells_the_opt_in_in_one_line_with_its_command(self, folder: Path) -> None:
        (line,) = self.told(folder, "--as-of", str(DAY))
        assert line.endswith(f"`{OPT_IN}` opts in, `ultrafleet doctor training` checks it")

    def test_a_yes_lifts_it_and_is_counted(self, folder: Path) -> None:
        write_training_answers(folder, opt_in_answer(asked=DAY))
        told = self.told(folder, "--as-of", str(DAY))
        assert told == [f"training: account 111122223333 answered, from {DAY} on: 1 yes"]

    def test_an_answer_that_is_too_old_by_the_given_day_is_told(self, folder: Path) -> None:
        write_training_answers(folder, opt_in_answer())
        opt_in, ignored = self.told(folder, "--as-of", "2099-01-01")[-2:]
        assert OPT_IN in opt_in
        assert ignored.startswith(f"training: answer of zone-opt-in about {DALLAS} is ignored: it is of ")

    def test_tells_of_an_add_on_whose_version_eks_chooses(self, folder: Path) -> None:
        path = folder / "training.yaml"
        path.write_text(path.read_text() + '\ncluster:\n  kubernetes_version: "1.34"\n')
        assert any(
            "EKS chooses the version of eks-node-monitoring-agent, aws-fsx" in line for line in self.told(folder)
        )

    def test_support_that_is_over_today_is_told_without_a_day(self, folder: Path) -> None:
        path = folder / "training.yaml"
        path.write_text(path.read_text() + '\ncluster:\n  kubernetes_version: "1.33"\n')
        _, _, err = run("summary", folder, "training")
        # Ended on 2026-07-29; a year later extended support is over, too.
        supports = ("warning: training: standard support of", "warning: training: extended support of")
        assert any(line.startswith(supports) for line in err.splitlines())


class TestFacts:
    def test_shows_the_account_as_source(self, folder: Path) -> None:
        write_training_answers(folder, opt_in_answer())
        _, plain, _ = run("facts", folder, OPT_IN_FACT, "--json")
        _, answered, _ = run("facts", folder, OPT_IN_FACT, "--environment", "training", "--json")
        (before,), (after,) = json.loads(plain), json.loads(answered)
        assert (before["confidence"], after["confidence"]) == ("low", "high")
        assert after["source"].startswith("account 111122223333 answered yes on ")

    def test_tells_what_it_ignores(self, folder: Path) -> None:
        write_training_answers(folder, opt_in_answer(account="999999999999"))
        _, out, _ = run("facts", folder, OPT_IN_FACT, "--environment", "training")
        assert "is ignored: account 999999999999 gave it, the environment's is 111122223333" in " ".join(out.split())
        assert "1 fact: 0 high, 0 medium, 1 low" in out

    def test_fails_for_an_environment_that_is_not_there(self, folder: Path) -> None:
        code, _, err = run("facts", folder, "--environment", "prod")
        assert code == 2
        assert "environment is 'prod', expected one of training" in err


class TestPreflight:
    """What preflight refuses before it asks AWS anything."""

    def test_a_no_is_refused(self, folder: Path) -> None:
        write_training_answers(folder, opt_in_answer(Verdict.NO))
        code, _, err = run("preflight", folder, "training")
        assert code == 2
        assert f"training.yaml: network.subnets: {DALLAS}: account 111122223333 answered no on " in err
        assert OPT_IN in err

    def test_templates_of_other_answers_are_stale(self, folder: Path) -> None:
        write_training_answers(folder, opt_in_answer())
        code, _, err = run("preflight", folder, "training")
        assert code == 2
        assert "is stale, training.yaml was edited since, or answers/training.json has other answers" in err


class TestWhatDoctorWrites:
    """The command's own file, from the embedded AWS, in the commands that read it."""

    @pytest.fixture
    def ask(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], tuple[int, str]]]:
        environment, now = load_environment(folder / "training.yaml"), real_now()
        with guarded(monkeypatch, environment), embedded_aws(environment, now=now):

            def ask() -> tuple[int, str]:
                arguments = ["training", "--only", "zone-opt-in", "--environments", str(folder)]
                result = CliRunner().invoke(app, ["doctor", *arguments, "--as-of", f"{now:%Y-%m-%dT%H:%M:%S}"])
                return result.exit_code, result.output

            yield ask
            aws_state.forget()

    def test_a_yes_lifts_and_a_no_refuses(self, folder: Path, ask: Callable[[], tuple[int, str]]) -> None:
        environment = load_environment(folder / "training.yaml")
        code, output = ask()
        assert code == 0, output
        assert OPT_IN not in run("summary", folder, "training")[1]
        _, answered, _ = run("facts", folder, OPT_IN_FACT, "--environment", "training", "--json")
        assert json.loads(answered)[0]["confidence"] == "high"

        INJECTIONS["zone-not-opted-in"](FaultTarget(environment=environment))
        code, output = ask()
        assert code == 1, output
        code, _, err = run("preflight", folder, "training")
        assert code == 2
        assert f"{DALLAS}: account 111122223333 answered no on " in err
        _, answered, _ = run("facts", folder, OPT_IN_FACT, "--environment", "training", "--json")
        assert json.loads(answered)[0]["confidence"] == "low"
