"""Edit of a file's text that is read again and compared with what was meant."""

from collections.abc import Callable
from typing import Any, Final

import yaml

from ultrafleet.environment.text_places import Content, refusal
from ultrafleet.yaml_loader import UniqueKeyLoader

_BOM: Final = "\ufeff"


def edited(text: str, edit: Callable[[str], str], change: Callable[[Content], None], by_hand: str) -> str:
    """Text after an edit, which is read again and compared with what was meant.

    Args:
        text: text of the file.
        edit: the edit, without the byte order mark.
        change: the same edit of the parsed content.
        by_hand: what to write by hand where the edit can't be made.

    Raises:
        EditError: the edit doesn't do what was meant.
    """
    bom, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    try:
        wanted = _unshared(yaml.load(body, Loader=UniqueKeyLoader))  # noqa: S506 - a SafeLoader
        changed = edit(body)
        change(wanted)
        got = yaml.load(changed, Loader=UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise refusal("the file", "written in a way that can't be edited", by_hand) from error
    if got != wanted:
        raise refusal("the file", "written in a way that can't be edited", by_hand)
    return bom + changed


def _unshared(content: Any) -> Any:  # noqa: ANN401 - YAML
    """A copy in which an alias has a value of its own: an edit of one place is meant for that place alone."""
    if isinstance(content, dict):
        return {key: _unshared(value) for key, value in content.items()}
    return [_unshared(item) for item in content] if isinstance(content, list) else content
