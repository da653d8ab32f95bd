"""Command lines with placeholders such as ``{lr}``."""

import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}|\{([A-Za-z_]\w*)\}")


def placeholders(text: str) -> list[str]:
    """Return the names of the placeholders of a text.

    ``{{name}}`` stands for the text ``{name}``; other braces, as in JSON, are no placeholders.

    Examples
    --------
    >>> placeholders('--lr={lr} --set={"a": {"b": 1}} --keep={{lr}}')
    ['lr']
    """
    return [match[2] for match in _PLACEHOLDER.finditer(text) if match[2]]


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders replaced.

    Examples
    --------
    >>> filled("runs/{lr}/{{lr}}", {"lr": "0.1"})
    'runs/0.1/{lr}'
    """
    return _PLACEHOLDER.sub(lambda match: values[match[2]] if match[2] else f"{{{match[1]}}}", text)
