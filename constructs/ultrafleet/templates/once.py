"""Results that are computed once for a template: many rules ask for the same."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from ultrafleet.templates.template import Template

Result = TypeVar("Result")


def once_per_template(function: Callable[[Template], Result]) -> Callable[[Template], Result]:
    """Function of a template that is computed once for each; its result must not be changed."""
    known: WeakKeyDictionary[Template, Result] = WeakKeyDictionary()

    @wraps(function)
    def wrapped(template: Template) -> Result:
        if template not in known:
            known[template] = function(template)
        return known[template]

    return wrapped
