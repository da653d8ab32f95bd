"""Frozen, checked descriptions of things: fields are validated when they are made, and they have a JSON form.

The JSON form is ``{"class": "lrscope.optim.Adam", <field>: <value>, ...}``: names and plain values, nothing that
would have to be executed to be read.
"""

import dataclasses
import functools
import importlib
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform

import pydantic
from pydantic import ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from lrscope.errors import InputError, must_be, unknown

T = TypeVar("T")
_FOLDERS = tuple(
    f"lrscope.{name}"
    for name in ("data", "models", "optim", "probes", "sweep", "training", "papers.boundary", "papers.linearity")
)
PERCENT = 5
"""What is to be a share and is as large as this was given in percent."""
_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass_transform(frozen_default=True)
def specification(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass whose constructor checks the types and bounds of its fields.

    A bad value is an `InputError` that names the field, what is allowed and what was given.
    """
    checked: Any = pydantic.dataclasses.dataclass(frozen=True, config=_CONFIG)(cls)
    checked.__init__ = _with_sentences(checked.__init__, checked)
    return checked  # type: ignore[no-any-return]


_ALLOWED = "Input should be "
"""How pydantic begins to say what is allowed."""
_WRONG = {
    "missing": "{name} is required.",
    "string_too_short": "{name} must not be empty.",
    "too_short": "{name} must have at least {min_length} values; got {actual_length}.",
    "unexpected_positional_argument": "{owner} takes {count} arguments: {fields}.",
}


def _with_sentences(construct: Callable[..., None], owner: Any) -> Callable[..., None]:
    @functools.wraps(construct)
    def checked(self: object, *args: object, **fields: object) -> None:
        try:
            construct(self, *args, **fields)
        except ValidationError as error:
            raise _error(error.errors()[0], owner) from None

    return checked


def _error(detail: ErrorDetails, owner: Any) -> InputError:
    """Return our error for pydantic's first one."""
    context = detail.get("ctx", {})
    if isinstance(context.get("error"), InputError):  # a check of ours, which pydantic caught as a ValueError
        return context["error"]  # type: ignore[no-any-return]
    fields = [field.name for field in dataclasses.fields(owner)]
    place = [fields[part] if isinstance(part, int) and part < len(fields) else part for part in detail["loc"]]
    name = place[0] if place and isinstance(place[0], str) else owner.__name__
    if detail["msg"].startswith(_ALLOWED):
        allowed = re.split(", (?:unable|got) ", detail["msg"].removeprefix(_ALLOWED))[0]
        return must_be(name, allowed, detail["input"], _as_share(detail))
    if detail["type"] in ("byte_size", "byte_size_unit"):
        return must_be(name, "a size such as '200 MB' or '1.5 GiB'", detail["input"])
    if detail["type"] == "unexpected_keyword_argument":
        return unknown(f"a field of {owner.__name__}", name, fields)
    known = {"owner": owner.__name__, "name": name, "fields": ", ".join(fields), "count": len(fields), **context}
    return InputError(_WRONG.get(detail["type"], f"{name}: {detail['msg']}.").format(**known))


def _as_share(detail: ErrorDetails) -> str:
    """Return how to write a share that was given in percent; nothing for other errors."""
    if detail["type"] not in ("less_than", "less_than_equal") or 1 not in detail.get("ctx", {}).values():
        return ""
    given = float(detail["input"])
    return f"Write {given:g}% as {given / 100:g}." if PERCENT <= given < 100 else ""


def to_json(value: Any) -> Any:
    """Return the JSON form of a specification, of a container of them, or of a plain value.

    Something that is neither (a user's own model factory, say) is recorded by its qualified name.

    Raises
    ------
    InputError : the value is an object without a name that could be recorded.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if hasattr(value, "__json__"):
        return {"class": class_name(type(value)), **value.__json__()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"class": class_name(type(value)), **fields}
    if not hasattr(value, "__qualname__") or "<lambda>" in value.__qualname__:
        remedy = "Only what has a name can be written down: use def or class."
        raise must_be("a part of an experiment", "a specification or a named function or class", value, remedy)
    return {"callable": f"{value.__module__}.{value.__qualname__}"}


def class_name(cls: type) -> str:
    """Return the public name of a class: ``lrscope.optim.Adam``, not the private file that defines it."""
    return f"{cls.__module__.split('._')[0]}.{cls.__qualname__}"


def from_json(form: Any) -> Any:
    """Return what `to_json` was given. Only specifications that lrscope itself exports are made.

    Raises
    ------
    InputError : the form names something that is no specification of lrscope, or that it does not hold: a callable
        or the arrays of a user. Pass that as an object.
    """
    if isinstance(form, list):
        return tuple(from_json(item) for item in form)
    if not isinstance(form, dict):
        return form
    if "callable" in form or "sha256" in form:
        name = form.get("callable") or f"data set {form.get('name')!r}"
        raise InputError(f"{name} is not part of lrscope: import it and pass it to the experiment yourself.")
    if "class" not in form:
        return {key: from_json(item) for key, item in form.items()}
    fields = {key: from_json(item) for key, item in form.items() if key != "class"}
    return _exported(form["class"])(**fields)


def _exported(name: str) -> Any:
    folder, _, short = str(name).rpartition(".")
    if folder not in _FOLDERS:
        raise must_be("class", f"a specification of {', '.join(_FOLDERS)}", name)
    module = importlib.import_module(folder)
    names = getattr(module, "__all__", vars(module))
    if short not in names or not _is_specification(getattr(module, short)):
        raise unknown("class", short, [other for other in names if _is_specification(vars(module).get(other))])
    return getattr(module, short)


def _is_specification(thing: Any) -> bool:
    return isinstance(thing, type) and (hasattr(thing, "__pydantic_validator__") or hasattr(thing, "__json__"))
