"""Clean-up of what a probe made: in the opposite order, whatever happened, and named where AWS refuses it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ultrafleet.doctor.account import AwsRefusalError
from ultrafleet.doctor.probe import Answer, Verdict
from ultrafleet.errors import FleetError


@dataclass
class CleanUp:
    """Things that a probe made, with how each is deleted.

    Attributes:
        left: commands that delete what could not be deleted.
    """

    left: list[str] = field(default_factory=list)
    _made: list[tuple[str, Callable[[], object]]] = field(default_factory=list)

    def add(self, command: str, delete: Callable[[], object]) -> None:
        """Remember a thing, before it is made.

        Args:
            command: of the AWS CLI, which deletes it.
            delete: deletes it, and returns when it is gone.
        """
        self._made.append((command, delete))

    def run(self) -> None:
        """Delete everything, the last first."""
        while self._made:
            command, delete = self._made.pop()
            try:
                delete()
            except AwsRefusalError as refusal:
                self.left.append(f"{command} ({refusal.action}: {refusal.code})")

    def judged(self, answer: Answer) -> Answer:
        """Answer, with what is left; then it is unclear, so that it is looked at."""
        if not self.left:
            return answer
        remedy = f"delete what is left: {'; '.join(self.left)}"
        observed = f"{answer.verdict}: {answer.observed}"
        return replace(answer, verdict=Verdict.UNCLEAR, observed=observed, remedy=remedy)


@contextmanager
def cleaned_up() -> Iterator[CleanUp]:
    """Context manager: a clean-up that runs at the end, also of an interrupted probe.

    Raises:
        FleetError: the probe was interrupted, and something could not be deleted.
    """
    clean_up = CleanUp()
    try:
        yield clean_up
    except BaseException as error:
        clean_up.run()
        if clean_up.left and not isinstance(error, AwsRefusalError):
            raise FleetError(
                path="what the probe made",
                verb="is in part",
                got="left in the account",
                expected="deleted",
                remedy="; ".join(clean_up.left),
            ) from error
        raise
    else:
        clean_up.run()
