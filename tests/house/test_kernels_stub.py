"""The stub of the compiled crate is complete: same functions, same parameters, in the same order."""

from __future__ import annotations

import ast
import inspect
from importlib import resources

from coterie import _kernels


def stub() -> ast.Module:
    return ast.parse((resources.files("coterie") / "_kernels.pyi").read_text(encoding="utf-8"))


def parameters(arguments: ast.arguments) -> list[tuple[str, bool]]:
    """Names in order, and whether each has a default."""
    plain = [*arguments.posonlyargs, *arguments.args]
    required = len(plain) - len(arguments.defaults)
    listed = [(argument.arg, index >= required) for index, argument in enumerate(plain)]
    return listed + [
        (argument.arg, default is not None)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]


def test_the_stub_declares_exactly_what_the_crate_exports() -> None:
    declared = {
        ast.unparse(node.target) if isinstance(node, ast.AnnAssign) else node.name
        for node in stub().body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AnnAssign))
    }
    exported = {name for name in dir(_kernels) if not name.startswith("_")}
    assert {name for name in declared if not name.startswith("_")} == exported


def test_every_function_takes_the_parameters_of_the_stub() -> None:
    functions = [node for node in stub().body if isinstance(node, ast.FunctionDef)]
    assert functions
    for node in functions:
        overloads = [
            decorator for decorator in node.decorator_list if ast.unparse(decorator).endswith("overload")
        ]
        signature = inspect.signature(getattr(_kernels, node.name))
        real = [(name, value.default is not value.empty) for name, value in signature.parameters.items()]
        if overloads:
            assert [name for name, _ in parameters(node.args)] == [name for name, _ in real], node.name
        else:
            assert parameters(node.args) == real, node.name


def test_every_function_has_a_docstring() -> None:
    assert [
        name for name in dir(_kernels) if not name.startswith("_") and not getattr(_kernels, name).__doc__
    ] == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (resources.files("coterie") / "py.typed").is_file()
