"""Conditions on clips: ``sync_confidence >= 3 and not Eyeglasses``. They are parsed by ``ast``, and never run.

A value that is not known makes a comparison neither true nor false, and what follows from it by ``and``, ``or`` and
``not`` only where the other side decides. A clip passes where a condition is true.
"""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.quoting import quoted

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Condition", "parse_conditions"]

_MOST_CHARACTERS = 20_000
_SHADOW = re.compile(r"\b5_o_Clock_Shadow\b")
"""The attribute that is not a name in Python."""
_SINGLE_EQUALS = re.compile(r"(?<![<>=!:])=(?![=<>])")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_EXAMPLE = "such as \"face_px > 200 and not Eyeglasses and split == 'train'\""
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal",
    ast.Eq: "equal", ast.NotEq: "not_equal",
}  # fmt: skip

Get = Callable[[str], "pa.Array"]


@dataclass(frozen=True)
class Condition:
    """One condition.

    Args:
        text: In one spelling, whatever the user's spaces, brackets and quotes: equal conditions have equal texts.
        tree: What was parsed.
    """

    text: str
    tree: ast.expr

    def holds(self, get: Get) -> "pa.BooleanArray":
        """Tell of which clips it is true; null if it is unknown.

        Args:
            get: Returns the values of all clips in a column, with nulls where they are not known: booleans, numbers
                or texts.

        Raises:
            ConfigError: There is no such column, or it is of another type.
        """
        return _Evaluation(self.text, get).of(self.tree)

    def columns(self) -> list[str]:
        """List the columns that it is about, sorted."""
        return sorted(_names_in(self.tree))


def parse_conditions(text: str) -> list[Condition]:
    """Parse a condition, split at its outermost ``and``.

    Understood are names of columns, numbers, texts in quotes, ``<``, ``<=``, ``>``, ``>=``, ``==``, ``!=`` (also in
    chains), ``in`` and ``not in`` with a list, ``is None`` and ``is not None``, ``and``, ``or``, ``not``, and brackets.

    Raises:
        ConfigError: It has anything else.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ConfigError(
            f"a condition of {len(text):,} characters; the limit is {_MOST_CHARACTERS:,}. To name many clips, write "
            "them into a file and pass it as --clips"
        )
    try:
        whole = ast.parse(_SHADOW.sub("_5_o_Clock_Shadow", text.strip()), mode="eval").body
        parts = whole.values if isinstance(whole, ast.BoolOp) and isinstance(whole.op, ast.And) else [whole]
        for part in parts:
            _check(part, text)
        return [Condition(_told(ast.unparse(part)), part) for part in parts]
    except ConfigError:
        raise
    except SyntaxError as error:
        if _SINGLE_EQUALS.search(_QUOTED.sub("", text)):
            raise ConfigError(f"the condition {quoted(text)}: to compare, write == instead of =") from None
        start = (error.offset or 1) - 1
        at = f" at {quoted(error.text[start:][:20])}" if error.text and start > 0 else ""
        raise ConfigError(f"the condition {quoted(text)} cannot be read{at}; write one {_EXAMPLE}") from None
    except (ValueError, RecursionError, MemoryError):
        raise ConfigError(f"the condition {quoted(text)} cannot be read; write one {_EXAMPLE}") from None


def _told(text: str) -> str:
    return text.replace("_5_o_Clock_Shadow", "5_o_Clock_Shadow")


def _check(node: ast.expr, text: str) -> None:
    """Refuse what is not a condition, before anything is read.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            _check(value, text)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, text)
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        for left, comparison, right in zip(sides, node.ops, sides[1:], strict=False):
            _check_comparison(left, comparison, right, text)
    elif _name_of(node) is None:
        raise _unknown(node, text)


def _check_comparison(left: ast.expr, comparison: ast.cmpop, right: ast.expr, text: str) -> None:
    for side in (left, right):
        if isinstance(comparison, ast.In | ast.NotIn) and side is right:
            if not isinstance(side, ast.Tuple | ast.List | ast.Set) or not side.elts:
                raise ConfigError(f"the condition {quoted(text)}: after 'in' comes a list, such as ('train', 'test')")
            for element in side.elts:
                _constant(element, text)
        elif isinstance(comparison, ast.Is | ast.IsNot) and side is right:
            if not (isinstance(side, ast.Constant) and side.value is None):
                raise ConfigError(f"the condition {quoted(text)}: after 'is' comes None: a value that is not known")
        elif _name_of(side) is None:
            _constant(side, text)
    if _name_of(left) is None and (_name_of(right) is None or not isinstance(comparison, tuple(_COMPARISONS))):
        raise ConfigError(f"the condition {quoted(text)}: compares no column; write one {_EXAMPLE}")


def _name_of(node: ast.expr) -> str | None:
    """Return the name of a column, which may have dots; None for anything else."""
    if isinstance(node, ast.Name):
        return _told(node.id)
    if isinstance(node, ast.Attribute) and (before := _name_of(node.value)) is not None:
        return f"{before}.{node.attr}"
    return None


def _names_in(node: ast.AST) -> set[str]:
    name = _name_of(node) if isinstance(node, ast.expr) else None
    return {name} if name else {each for child in ast.iter_child_nodes(node) for each in _names_in(child)}


def _constant(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _constant(node.operand, text)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str):
        return _told(node.value) if isinstance(node.value, str) else node.value
    raise _unknown(node, text)


def _unknown(node: ast.expr, text: str) -> ConfigError:
    what = quoted(ast.unparse(node))
    if isinstance(node, ast.Call):
        what += " is a call, and nothing is called"
    elif isinstance(node, ast.BinOp):
        what += " is a sum or the like, which is not worked out"
    elif isinstance(node, ast.Constant):
        what += " is a value, and no condition"
    else:
        what += " is not understood"
    return ConfigError(f"the condition {quoted(text)}: {what}; write one {_EXAMPLE}")


class _Evaluation:
    def __init__(self, text: str, get: Get) -> None:
        self.text, self.get = text, get

    def of(self, node: ast.expr) -> "pa.BooleanArray":
        import pyarrow as pa
        import pyarrow.compute as pc

        if isinstance(node, ast.BoolOp):
            combine = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
            return reduce(combine, map(self.of, node.values))
        if isinstance(node, ast.UnaryOp):
            return pc.invert(self.of(node.operand))
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            links = [
                self._comparison(left, comparison, right)
                for left, comparison, right in zip(sides, node.ops, sides[1:], strict=False)
            ]
            return reduce(pc.and_kleene, links)
        name = _name_of(node) or ""
        column = self.get(name)
        if not pa.types.is_boolean(column.type):
            raise ConfigError(f"{self.text}: {name} is no yes or no; compare it with something, as in {name} > 0")
        return column

    def _comparison(self, left: ast.expr, comparison: ast.cmpop, right: ast.expr) -> "pa.BooleanArray":
        import pyarrow.compute as pc

        if isinstance(comparison, ast.Is | ast.IsNot):
            column = self.get(_name_of(left) or "")
            return pc.is_null(column) if isinstance(comparison, ast.Is) else pc.is_valid(column)
        if isinstance(comparison, ast.In | ast.NotIn):
            assert isinstance(right, ast.Tuple | ast.List | ast.Set)
            values = [_constant(element, self.text) for element in right.elts]
            found = self._is_in(_name_of(left) or "", values)
            return found if isinstance(comparison, ast.In) else pc.invert(found)
        self._check_quotes(left, right)
        one, other = self._side(left), self._side(right)
        self._check_types(left, one, right, other)
        return pc.call_function(_COMPARISONS[type(comparison)], [one, other])

    def _is_in(self, name: str, values: Sequence[Any]) -> "pa.BooleanArray":
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self.get(name)
        for value in values:
            self._check_type(name, column, value)
        if not pa.types.is_string(column.type):
            column, values = column.cast(pa.float64()), [float(value) for value in values]
        found = pc.is_in(column, value_set=pa.array(values, column.type))
        return pc.if_else(pc.is_valid(column), found, pa.scalar(None, pa.bool_()))

    def _side(self, node: ast.expr) -> Any:
        """Return a column or a value, numbers and booleans alike as float64."""
        import pyarrow as pa

        name = _name_of(node)
        if name is None:
            value = _constant(node, self.text)
            return pa.scalar(value if isinstance(value, str) else float(value))
        column = self.get(name)
        return column if pa.types.is_string(column.type) else column.cast(pa.float64())

    def _check_quotes(self, left: ast.expr, right: ast.expr) -> None:
        """Refuse a text without quotes, which reads as the name of a column: ``split == train``."""
        import pyarrow as pa

        names = [_name_of(left), _name_of(right)]
        if None in names:
            return
        for name, other in (names, names[::-1]):
            try:
                self.get(str(name))
            except ConfigError:
                if pa.types.is_string(self.get(str(other)).type):
                    raise ConfigError(
                        f"{self.text}: there is no column {quoted(str(name))}; a text is put into quotes: {other} == "
                        f"{name!r}"
                    ) from None
                raise

    def _check_types(self, left: ast.expr, one: Any, right: ast.expr, other: Any) -> None:
        for node, against in ((left, right), (right, left)):
            name = _name_of(node)
            if name is None:
                continue
            if _name_of(against) is None:
                self._check_type(name, self.get(name), _constant(against, self.text))
            elif one.type != other.type:
                raise ConfigError(f"{self.text}: a text and a number cannot be compared")

    def _check_type(self, name: str, column: Any, value: Any) -> None:
        import pyarrow as pa

        if pa.types.is_string(column.type):
            if not isinstance(value, str):
                raise ConfigError(
                    f"{self.text}: {name} is a text, and {value!r} is not; put what it is compared with into quotes"
                )
        elif isinstance(value, str):
            if pa.types.is_boolean(column.type):
                raise ConfigError(f"{self.text}: {name} is yes or no; write {name}, or not {name}")
            raise ConfigError(f"{self.text}: {name} is a number, and {value!r} is not")
