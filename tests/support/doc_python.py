"""Runs the Python of a page and compares what comes with what its comments say."""

import ast
import contextlib
import io
import re
import tokenize
from collections.abc import Mapping
from typing import Any

from tests.support.doc_blocks import Block

_RESULT = re.compile(r"[\[({<'\"\d]|-\d|(True|False|None)\b|[A-Z]\w*[({]|torch\.")
_ARRAY = re.compile(r"(?:.* -> )?(?P<dtype>uint8|int8|int32|int64|float32|bool) \[(?P<shape>[\w, ]*)\]")


class _Shown(ast.NodeTransformer):
    """Hands the value of each expression that stands alone, and of each assignment, to ``__shown__``.

    What functions and classes do is left as it is: they may be called from another block.
    """

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant | ast.Yield | ast.YieldFrom):
            return node
        return ast.copy_location(ast.Expr(_call(node.value, node)), node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        node.value = _call(node.value, node)
        return node


def _call(value: ast.expr, node: ast.stmt) -> ast.expr:
    line = ast.Constant(node.end_lineno)
    return ast.Call(ast.Name("__shown__", ast.Load()), [value, line], [])


def comments_of(code: str) -> dict[int, str]:
    """The comment after the code that ends in a line, with the comment lines that follow it."""
    found: dict[int, str] = {}
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            line = last if alone else token.start[0]
            text = token.string.removeprefix("#").strip()
            found[line] = f"{found[line]}\n{text}" if line in found else text
        elif token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            last = token.end[0]
        elif token.type == tokenize.NL and not token.line.strip():
            last = 0  # a comment after an empty line is about what follows
    return found


def fits(shown: str, wanted: str) -> bool:
    """Whether a text is what a page shows: spaces and line ends are alike, and ``...`` stands for anything."""
    parts = [re.escape(" ".join(part.split())) for part in wanted.split("...")]
    return re.fullmatch(r"\s*" + ".*".join(parts) + r"\s*", " ".join(shown.split()), re.DOTALL) is not None


def run_python(block: Block, names: dict[str, Any], places: Mapping[str, str]) -> int:
    """Run a block in the namespace of its page; return how many results were compared.

    Args:
        block: The block.
        names: The namespace, which is added to.
        places: What stands in for an address or path of the page.
    """
    code = block.text
    for told, real in places.items():
        code = code.replace(told, real)
    comments = comments_of(code)
    printed = io.StringIO()
    compared: set[int] = set()

    def shown(value: Any, line: int) -> Any:
        wanted = comments.get(line, "")
        place = f"{block.page}:{block.line + line - 1}"
        array = _ARRAY.match(wanted)
        if array is not None:
            _compare_array(value, array, place)
        elif _RESULT.match(wanted):
            got = re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(value))
            # what print gives is in its output, which has other lines too
            got, wanted = (printed.getvalue(), f"...{wanted}...") if value is None else (got, wanted)
            assert fits(got, wanted), f"{place}: the page shows\n{wanted}\nand this comes:\n{got}"
        else:
            return value
        compared.add(line)
        return value

    tree = ast.fix_missing_locations(_Shown().visit(ast.parse(code)))
    names["__shown__"] = shown
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, block.place, "exec"), names)
    return len(compared)


def run_imports(block: Block) -> None:
    """Compile a block, and run its imports alone."""
    compile(block.text, block.place, "exec")
    tree = ast.parse(block.text)
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(tree, block.place, "exec"), {})


def _compare_array(value: Any, wanted: "re.Match[str]", place: str) -> None:
    dtype = str(value.dtype).removeprefix("torch.")
    sizes = [size.strip() for size in wanted["shape"].split(",") if size.strip()]
    same = len(sizes) == len(value.shape) and all(
        not size.isdigit() or int(size) == got for size, got in zip(sizes, value.shape, strict=True)
    )
    assert (same, dtype) == (True, wanted["dtype"]), f"{place}: {wanted[0]} is {dtype} {list(value.shape)}"
