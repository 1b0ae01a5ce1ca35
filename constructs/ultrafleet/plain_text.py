"""Text of others, made safe to show: the one place for what a terminal, a log or a picture must not receive."""

from typing import Any, Final

_COMMAND: Final = "::"
_OLD_COMMAND: Final = "##["


def visible(text: str) -> str:
    """Text in which what can't be seen is written as its escape.

    That is control, bidirectional and other format characters, separators of lines and paragraphs, spaces other than
    the plain one, and halves of characters: whatever `str.isprintable` refuses.
    """
    if text.isprintable():
        return text
    return "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)


def for_terminal(text: str) -> str:
    """One line for a terminal or a log, in which nothing is a workflow command.

    A runner takes a line that begins with `::`, and `##[` anywhere in one, as a command (GitHub Actions, workflow
    commands; the runner's ActionCommand, high).
    """
    shown = visible(text).replace(_OLD_COMMAND, "##\\[")
    return f"\\{shown}" if shown.lstrip().startswith(_COMMAND) else shown


def visible_json(value: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON in which every text, keys with it, is visible."""
    if isinstance(value, dict):
        return {visible_json(key): visible_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [visible_json(item) for item in value]
    return visible(value) if isinstance(value, str) else value
