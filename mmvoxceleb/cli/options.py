"""Options of commands from dataclasses: an option's name, values, default and help are written once, in its field.

A parameter of a command that is a dataclass stands for one option per field::

    @takes_options
    def mask(store: StoreArgument, run: Annotated[RunOptions, without("layout")]) -> None: ...

A field's name gives the option's (``batch_size`` is ``--batch-size``), its type the values, its default the default,
and its line under ``Args:`` in the docstring the help. A field without a default is an argument, of the first of its
types. So settings of the library are options as they are. ``Annotated[..., typer.Option(...)]`` says more of a field,
or of all of a parameter, and :func:`like` that a field stands for one of other settings.
"""

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

__all__ = ["PANELS", "given", "like", "named", "takes_options", "without"]

PANELS: tuple[str | None, ...] = (
    None, "Input", "Faces", "Rules", "Sound", "Models", "Device", "Export", "Card", "For a trainer",
    "Clips", "Removals", "Run",
)  # fmt: skip
"""The groups in which ``--help`` shows options, in their order; None for those of the command itself."""

_RUN_ORDER = ("engine", "workers", "memory", "address", "limit", "on_error", "overwrite", "dry_run")

Kind = TypeVar("Kind")


class _Left(frozenset[str]):
    """Fields that are not options."""


class _Named(dict[str, str]):
    """Other names of options, by field."""


@dataclass(frozen=True)
class _Like:
    kind: type
    name: str


def without(*names: str) -> _Left:
    """Leave fields out of a command; they have their defaults."""
    return _Left(names)


def named(**flags: str) -> _Named:
    """Name options of a command otherwise than their fields: ``version="--dataset-version"``."""
    return _Named(flags)


def like(kind: type, name: str) -> _Like:
    """Take values, help and the default that is shown from a field of other settings; see :func:`given`.

    The field itself is None by default: the option was not given.

    Args:
        kind: The dataclass of the other settings.
        name: Its field.
    """
    return _Like(kind, name)


def given(options: Any, kind: type) -> dict[str, Any]:
    """Return the values of the options that are :func:`like` fields of ``kind``, and were given, by those fields."""
    hints = get_type_hints(type(options), include_extras=True)
    found = {}
    for name, hint in hints.items():
        other = _extra(hint, _Like)
        if other is not None and other.kind is kind and getattr(options, name) is not None:
            found[other.name] = getattr(options, name)
    return found


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Show typer an option for every field of the command's dataclasses, and give the command the dataclasses."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[Callable[..., Any], list[str]]] = {}
    # get_type_hints would hide what is Annotated, if the default is None, in an Optional on Python 3.10
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        hint = parameter.annotation
        kind = _plain(hint)
        if is_dataclass(kind) and isinstance(kind, type):
            own = list(_parameters(kind, hint))
            groups[name] = (kind, [each.name for each in own])
            parameters += own
        else:
            parameters.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**values: Any) -> None:
        for name, (kind, names) in groups.items():
            own = {each: values.pop(each) for each in names}
            values[name] = kind(**{each: tuple(v) if isinstance(v, list) else v for each, v in own.items()})
        command(**values)

    parameters.sort(key=_rank)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect reads
    run.__doc__ = _joined(command.__doc__ or "")
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _joined(text: str) -> str:
    """Join the lines of each paragraph: typer would break the help where the docstring does."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text.strip()))


def _rank(parameter: inspect.Parameter) -> tuple[int, int]:
    """Where ``--help`` shows a parameter: by group; those of a run in one order, and ``--json`` before ``--help``."""
    info = _extra(parameter.annotation, OptionInfo)
    panel = info.rich_help_panel if info is not None else None
    name = parameter.name
    within = _RUN_ORDER.index(name) if name in _RUN_ORDER and panel == "Run" else len(_RUN_ORDER) * (name == "json")
    return PANELS.index(panel), within


def _parameters(kind: type, hint: Any) -> Iterator[inspect.Parameter]:
    """Yield a parameter of a command for each field that is an option.

    Args:
        kind: The dataclass.
        hint: The annotation of the command's parameter of this kind.
    """
    hints, helps = get_type_hints(kind, include_extras=True), _helps(kind)
    left, flags = _extra(hint, _Left) or without(), _extra(hint, _Named) or named()
    for field in fields(kind):
        if field.name in left:
            continue
        values, default = _plain(hints[field.name]), field.default
        if default is MISSING:
            info: Any = typer.Argument(metavar=field.name.upper(), help=helps[field.name])
            values, default = next(iter(get_args(values)), values), inspect.Parameter.empty
        else:
            info = copy(_extra(hints[field.name], OptionInfo) or _extra(hint, OptionInfo) or typer.Option())
            other = _extra(hints[field.name], _Like)
            if other is not None:
                values = get_type_hints(other.kind)[other.name] | None
                usual = getattr(other.kind, other.name) if default is None else default
                info.show_default = False if isinstance(usual, bool) else str(usual)
            info.help = _helps(other.kind)[other.name] if other is not None else helps[field.name]
            if get_origin(values) is tuple:
                values, default = list[get_args(values)[0]], list(default)  # type: ignore[misc]  # a type of run time
            if field.name in flags or info.default is ...:
                info.default = flags.get(field.name) or _flag(field.name, values, default)
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[values, info]
        )


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _extra(hint: Any, kind: type[Kind]) -> Kind | None:
    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((each for each in extras if isinstance(each, kind)), None)


def _flag(name: str, values: Any, default: Any) -> str:
    """``--name``, and for a switch that may be turned off ``--name/--no-name``."""
    plain = name.replace("_", "-")
    is_switch = bool in (values, *get_args(values))
    return f"--{plain}/--no-{plain}" if is_switch and default is not False else f"--{plain}"


def _helps(kind: type) -> dict[str, str]:
    """The text of each field under ``Args:`` in the docstrings of a class and its bases."""
    helps: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        _, _, section = inspect.cleandoc(base.__dict__.get("__doc__") or "").partition("\nArgs:\n")
        section = re.split(r"\n(?=\S)", section)[0]
        for name, text in re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE):
            helps[name] = " ".join(text.split()).replace("``", "")
    return helps
