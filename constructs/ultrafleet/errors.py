"""The errors this library raises on purpose.

Every message is in lower case and says "PATH is GOT, expected EXPECTED: REMEDY": what was wrong, the value got, the
value expected and what to change. The four parts are attributes too, for programs that show them in another form.
"""

import re
from typing import Final, Self

_TOKEN: Final = re.compile(r"\$\{Token\[[^\]]*\]\}|#\{Token\[[^\]]*\]\}|-1\.8881545\d*e\+289")
"""CDK tokens as text: strings, lists, numbers."""
_UNKNOWN_YET: Final = "a token, known at deployment only"


class FleetError(ValueError):
    """An input that can't become a fleet that launches.

    Args:
        message: the whole text, where the sentence above doesn't fit. Default: composed of the parts, in which a CDK
            token is named as one.
        path: what is wrong: a property, a file's key path, a resource; rendered with `str`. A colon at its
            end belongs to the sentence, as in "dev.yaml: region: got 1, expected …". Default: None, not stated.
        verb: the word between `path` and `got`. Default: "is".
        got: the value it has; rendered with `str`. Default: None, not stated.
        expected: the values it can have; rendered with `str`. Default: None, not stated.
        remedy: what to change. Default: None; the expected value says it.

    Raises:
        TypeError: neither a message nor `path`, `got` and `expected` are passed.
    """

    path: str | None
    """Subject of the error: a property, a file's key path, a resource."""
    got: str | None
    """The value it has."""
    expected: str | None
    """The values it can have."""
    remedy: str | None
    """Change that resolves the error."""

    def __init__(
        self,
        message: str | None = None,
        *,
        path: object = None,
        verb: str = "is",
        got: object = None,
        expected: object = None,
        remedy: str | None = None,
    ) -> None:
        if got is not None and _TOKEN.search(str(got)):
            # What was passed isn't malformed, it isn't there yet: neither its text nor the usual remedy says so.
            got, remedy = _TOKEN.sub(_UNKNOWN_YET, str(got)).strip("'\""), "pass a plain value"
        path = _TOKEN.sub("(a token)", path) if isinstance(path, str) else path
        self.path = None if path is None else str(path).removesuffix(":")
        self.got = None if got is None else str(got)
        self.expected = None if expected is None else str(expected)
        self.remedy = remedy
        if message is None:
            if self.path is None or self.got is None or self.expected is None:
                raise TypeError("FleetError takes path, got and expected, or the whole message")
            message = f"{path} {verb} {self.got}, expected {self.expected}"
            message += f": {self.remedy}" if self.remedy else ""
        super().__init__(message)

    def within(self, place: str) -> Self:
        """Return the same error inside a larger thing: "PLACE: " precedes its text and its path.

        Args:
            place: the thing that holds `path`, such as a file or a capacity block.
        """
        return type(self)(
            f"{place}: {self}",
            path=f"{place}: {self.path}" if self.path else place,
            got=self.got,
            expected=self.expected,
            remedy=self.remedy,
        )

    def as_json(self) -> dict[str, str | None]:
        """Return the message and its parts, as JSON has them; a part that isn't stated is None."""
        return {
            "message": str(self),
            "path": self.path,
            "got": self.got,
            "expected": self.expected,
            "remedy": self.remedy,
        }


class UnknownFactError(FleetError):
    """A hardware or AWS fact that no source states was needed; the message says what the caller may pass instead."""
