"""What makes two texts of a module the same code.

Comments, docstrings, blank lines and spaces at the ends of lines are no code. The digest is taken
of the text without them, and not of a syntax tree, which every version of Python prints otherwise.
"""

import ast
import functools
import hashlib
import io
import tokenize
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

_DIGITS = 16
VERSION = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:_DIGITS]
"""Under which digests may be kept: those of another text of this module may be others."""


def digest_of(path: Path) -> str:
    """Return the digest of the code in a file; empty if there is none.

    Raises:
        SyntaxError: it is no Python.
    """
    return _digest_of(_text_of(path))


@functools.cache
def _digest_of(text: str) -> str:
    return _digest(code_of(text))


def same_code(one: bytes | None, other: bytes | None) -> bool:
    """Return whether two files are the same code; what is no Python is so only byte for byte."""
    if one is None or other is None:
        return one is other
    try:
        return code_of(_decoded(one)) == code_of(_decoded(other))
    except (SyntaxError, UnicodeDecodeError):
        return one == other


def digest_of_values(path: Path, names: Iterable[str]) -> str:
    """Return the digest of what some names are given in a module of assignments."""
    tree = ast.parse(_text_of(path))
    lines = {
        target.id: ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    needed, new = set(), set(names) & lines.keys()
    while new:
        needed |= new
        words = (ast.walk(ast.parse(lines[name])) for name in new)
        used = {node.id for walk in words for node in walk if isinstance(node, ast.Name)}
        new = (used & lines.keys()) - needed
    return _digest("\n".join(f"{name} = {lines[name]}" for name in sorted(needed)))


def names_imported(path: Path, module: str) -> frozenset[str]:
    """Return the names that the module in a file imports from another."""
    return _names_imported(_text_of(path), module)


@functools.cache
def _names_imported(text: str, module: str) -> frozenset[str]:
    if module not in text:
        return frozenset()  # without parsing what cannot have it
    froms = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
    return frozenset(alias.name for node in froms if node.module == module for alias in node.names)


def code_of(text: str) -> str:
    """Return the text of a module without what is no code.

    Blank lines and spaces inside of strings are kept.
    """
    lines = [f"{line}\n" for line in text.split("\n")]
    nodes = list(ast.walk(ast.parse(text)))
    alone = _alone(nodes)
    cuts = [*_comments(text), *_spans(alone, lines)]
    for (first, start), (last, end) in sorted(cuts, reverse=True):
        lines[first : last + 1] = [lines[first][:start] + lines[last][end:]] + [""] * (last - first)
    inside = set(_lines_of_strings(nodes, alone))
    kept = (
        line if number in inside else f"{line.rstrip()}\n"
        for number, line in enumerate(lines)
        if number in inside or line.strip()
    )
    return "".join(kept)


def _text_of(path: Path) -> str:
    return _decoded(path.read_bytes())


def _decoded(raw: bytes) -> str:
    # Git may have changed the line endings.
    return raw.decode().replace("\r\n", "\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS] if text.strip() else ""


Span = tuple[tuple[int, int], tuple[int, int]]


def _comments(text: str) -> Iterator[Span]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            (first, start), (last, end) = token.start, token.end
            yield (first - 1, start), (last - 1, end)


def _alone(nodes: Iterable[ast.AST]) -> set[ast.Constant]:
    """Return the strings that stand as statements: docstrings, also of fields."""
    values = (node.value for node in nodes if isinstance(node, ast.Expr))
    return {
        value
        for value in values
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def _spans(strings: Iterable[ast.Constant], lines: list[str]) -> Iterator[Span]:
    for node in strings:
        (first, start), (last, end) = (node.lineno, node.col_offset), _end_of(node)
        begin = len(lines[first - 1].encode()[:start].decode())
        yield (first - 1, begin), (last - 1, len(lines[last - 1].encode()[:end].decode()))


def _lines_of_strings(nodes: Iterable[ast.AST], alone: Container[ast.AST]) -> Iterator[int]:
    """Yield the lines of strings that have several, docstrings not among them."""
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and node not in alone:
            last, _ = _end_of(node)
            if last > node.lineno:
                yield from range(node.lineno - 1, last)


def _end_of(node: ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset
