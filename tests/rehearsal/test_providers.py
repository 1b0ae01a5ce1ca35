"""Providers of resource types of the embedded CloudFormation."""

from ultrafleet.rehearsal.cloudformation.providers import PROVIDERS
from ultrafleet.rehearsal.cloudformation.providers.base import Provider


def test_every_provider_of_a_type_answers_for_it() -> None:
    made = {one.type: one for one in Provider.__subclasses__() if isinstance(getattr(one, "type", None), str)}
    assert {name for name, kind in made.items() if not isinstance(PROVIDERS.get(name), kind)} == set()
