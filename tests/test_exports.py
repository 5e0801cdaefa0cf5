"""The public names: what is exported, where it says it lives, that it is documented, and that the
stub describes the module that was built.
"""

from __future__ import annotations

import ast
import inspect
import json
import operator
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import gochan
import gochan._pool
import procs
import typetools

PUBLIC = sorted(gochan.__all__)
CLASSES = [name for name in PUBLIC if isinstance(getattr(gochan, name), type)]
STUB = Path(gochan.__file__).with_name("_gochan.pyi")
ALLOWLIST = typetools.TESTS / "stubtest-allowlist.txt"


def test_all_is_what_is_public() -> None:
    assert len(set(gochan.__all__)) == len(gochan.__all__)
    namespace = vars(gochan).items()
    visible = {n for n, v in namespace if not n.startswith("_") and not isinstance(v, ModuleType)}
    assert visible == set(gochan.__all__)


def test_the_package_shows_no_module_but_its_own() -> None:
    modules = {n: v.__name__ for n, v in vars(gochan).items() if isinstance(v, ModuleType)}
    strangers = {n for n, full in modules.items() if not full.startswith("gochan.")}
    assert not strangers


def test_the_package_says_what_it_is() -> None:
    assert inspect.getdoc(gochan)
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", gochan.__version__)
    assert STUB.is_file() and STUB.with_name("py.typed").is_file()


@pytest.mark.parametrize("name", PUBLIC)
def test_it_lives_in_gochan(name: str) -> None:
    value = getattr(gochan, name)
    assert value.__module__ == "gochan"
    assert value.__qualname__ == name


@pytest.mark.parametrize("name", CLASSES)
def test_its_methods_say_their_class(name: str) -> None:
    """A traceback, help() and the messages about wrong arguments show the qualified name."""
    cls = getattr(gochan, name)
    for attribute, value in vars(cls).items():
        if callable(value) and not attribute.startswith("__"):
            assert value.__qualname__ == f"{name}.{attribute}"


# ------------------------------------------------------------------ documentation
@pytest.mark.parametrize("name", PUBLIC)
def test_it_has_a_docstring_at_run_time(name: str) -> None:
    value = getattr(gochan, name)
    # Not inspect.getdoc: a class without one would show that of its base.
    assert (value.__doc__ or "").strip(), f"{name} has no docstring"
    if isinstance(value, type):
        ours = [base for base in value.__mro__ if base.__module__ == "gochan"]
        members = [pair for base in ours for pair in vars(base).items() if pair[0][0] != "_"]
        bare = [m for m, member in members if not (member.__doc__ or "").strip()]
        assert not bare, f"without a docstring: {bare}"


SAYS = {
    "go": ("result()", "set_excepthook", "SystemExit", "TypeError"),
    "run": ("abandoned", "KeyboardInterrupt", "RuntimeError"),
    "select": ("seconds", "TimeoutError", "Canceled", "DeadlineExceeded", "ChanClosed"),
    "gomaxprocs": ("read back", "ValueError"),
    **{
        f"Chan.{name}": ("seconds", "TimeoutError", "Canceled", "DeadlineExceeded")
        for of in ("send", "recv", "recv_ok", "recv_many")
        for name in (of, f"a{of}")
    },
    "WaitGroup.wait": ("seconds", "TimeoutError", "Canceled", "BlockingError"),
    "Goroutine.join": ("seconds", "TimeoutError", "Canceled", "goes on"),
    "Goroutine.result": ("seconds", "TimeoutError", "Canceled", "goes on"),
}


@pytest.mark.parametrize("name", SAYS)
def test_help_says_units_and_errors(name: str) -> None:
    """README sends people to `help()`, which reads what Rust has, not the stub."""
    doc = operator.attrgetter(name)(gochan).__doc__
    missing = [word for word in SAYS[name] if word not in doc]
    assert not missing, doc


def _undocumented(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    # Of many overloads one speaks for all.
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    told = {node.name for node in functions if ast.get_docstring(node)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # A constructor that only refuses has nothing to say that its class does not.
            refuses = node.name == "__new__" and "never: Never" in ast.unparse(node)
            if not ast.get_docstring(node) and not refuses and node.name not in told:
                yield f"{prefix}{node.name} (line {node.lineno})"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node, f"{node.name}.")


def test_all_of_the_stub_is_documented() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert not list(_undocumented(tree))


def test_all_that_takes_a_context_says_so() -> None:
    """Under Args and under Raises; an awaitable form at least whose twin it is."""
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    bare = []
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        arguments = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
        doc = ast.get_docstring(function)
        if "ctx" not in arguments or doc is None or function.name == "__new__":
            continue
        of = f" of ``{function.name[1:]}``"
        is_twin = doc.startswith((f"Awaitable twin{of}", f"The awaitable form{of}"))
        told = "    ctx: " in doc and "    Canceled: " in doc and "    DeadlineExceeded: " in doc
        if not is_twin and not told:
            bare.append(f"{function.name} (line {function.lineno})")
    assert not bare


def test_the_package_exports_all_of_the_stub() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    defined = {n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    classes = {n: v for n, v in vars(gochan.errors).items() if isinstance(v, type)}
    # What goexit() raises is no error: nobody has to catch it, so it has no public name.
    errors = {n for n, v in classes.items() if issubclass(v, Exception)}
    written_in_python = {*errors, *gochan._pool.__all__}
    assert {name for name in defined if name[0] != "_"} | written_in_python == set(PUBLIC)


def test_the_examples_of_the_stub_run() -> None:
    """In a child with a deadline: an example that hangs should not take the run with it."""
    child = procs.run(
        """
        import ast, doctest, pathlib, sys, gochan
        names = {name: getattr(gochan, name) for name in gochan.__all__}
        parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
        for node in ast.walk(ast.parse(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                where = getattr(node, "name", "module")
                runner.run(parser.get_doctest(text, dict(names), where, sys.argv[1], 0))
        failed, tried = runner.summarize(verbose=False)
        print(f"{tried} examples, {failed} failed")
        """,
        str(STUB),
    )
    said = child.ok()
    assert said.endswith(", 0 failed\n") and not said.startswith("0 examples"), said


# ------------------------------------------------------------------ modules
def test_its_modules_need_no_import_of_their_own() -> None:
    """As README writes it: `import gochan`, then `gochan.signal.notify`."""
    child = procs.run(
        """
        import signal, sys
        from gochan import *
        assert signal is sys.modules["signal"]
        import gochan
        for name in ("patterns", "rate", "signal", "singleflight"):
            assert name in dir(gochan), name
            assert f"gochan.{name}" not in sys.modules, name
            assert getattr(gochan, name) is sys.modules[f"gochan.{name}"], name
        print(gochan.signal.notify.__module__, gochan.rate.Limiter.__module__)
        try:
            gochan.nonsense
        except AttributeError as error:
            print(error)
        """
    )
    told = child.ok()
    assert told == "gochan.signal gochan.rate\nmodule 'gochan' has no attribute 'nonsense'\n"


# ------------------------------------------------------------------ weight
def test_the_import_is_light() -> None:
    """A program that never awaits should not pay for asyncio, nor any for typing."""
    child = procs.run(
        """
        import json, sys
        before = set(sys.modules)
        import gochan
        assert "Pool" in dir(gochan)
        print(json.dumps(sorted(set(sys.modules) - before)))
        """
    )
    loaded = json.loads(child.ok())
    assert "gochan._gochan" in loaded
    heavy = {"asyncio", "concurrent.futures", "contextvars", "inspect", "logging", "typing"}
    assert not heavy & set(loaded)


# ------------------------------------------------------------------ stub against module
def test_the_stub_describes_the_module() -> None:
    typetools.need("mypy")
    child = typetools.run("mypy.stubtest", "gochan", "--concise", "--allowlist", ALLOWLIST)
    assert child.returncode == 0, child.stdout + child.stderr


def test_every_exception_to_that_has_its_reason() -> None:
    lines = ALLOWLIST.read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line.strip() and not line.startswith("#")]
    bare = [line for line in entries if not line.partition("#")[2].strip()]
    assert not bare, f"no reason given: {bare}"
