"""What a reader of the stub has to be told, for the API reference: a griffe extension.

Griffe takes the last definition of an overloaded function for its implementation. A stub has none,
so there the overload with the most to say stands for all. Where there is an implementation, in a
module, and it says only that it returns Any, the last overload tells its types: the general one.
Members stand in the order of the file. Objects are made by `__new__` in Rust; the reference shows
that as the signature of the class. Examples stand under "Example:". The names of types that only
the stub has are shown as what they mean.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

MEANING = {
    "_Seconds": "float | timedelta",
    "_ContextLike": "Context",
    "_Op": "Awaitable",
    "_Group": "Group",
    "_T_co": "T",
    "_T_contra": "T",
    "_V_co": "T",
}


class Stub(griffe.Extension):
    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        stub = pkg["_gochan"]
        assert isinstance(stub, griffe.Module)
        self._complete(stub)
        for member in stub.members.values():
            if isinstance(member, griffe.Class):
                self._complete(member)
                self._show_how_it_is_made(member)
                self._order(member)
        self._type_implementations(pkg)
        self._name_examples(pkg)
        self._name_types(pkg)

    def _complete(self, scope: griffe.Module | griffe.Class) -> None:
        for name, overloads in scope.overloads.items():
            if overloads and name not in scope.members:
                function = max(
                    reversed(overloads),  # of equals the last: plain functions before `async def`s
                    key=lambda one: len(one.docstring.value) if one.docstring else 0,
                )
                function.overloads = overloads
                scope.set_member(name, function)

    def _show_how_it_is_made(self, cls: griffe.Class) -> None:
        new = cls.members.get("__new__")
        if not isinstance(new, griffe.Function):
            return
        cls.del_member("__new__")
        # `never: Never` says that nobody can call it.
        if "__init__" not in cls.members and "never" not in [p.name for p in new.parameters]:
            new.name = "__init__"
            cls.set_member("__init__", new)

    def _order(self, cls: griffe.Class) -> None:
        """What `_complete` has added is last; and the members of a class that is imported from
        elsewhere, as all are, are shown in this order, whatever `members_order` says."""
        ordered = sorted(cls.members.items(), key=lambda member: member[1].lineno or 0)
        cls.members.clear()
        cls.members.update(ordered)

    def _type_implementations(self, scope: griffe.Module | griffe.Class) -> None:
        for member in scope.members.values():
            if member.is_alias:
                continue
            if isinstance(member, griffe.Function) and member.overloads:
                general = member.overloads[-1]
                if str(member.returns).count("Any") > str(general.returns).count("Any"):
                    member.parameters, member.returns = general.parameters, general.returns
            elif isinstance(member, griffe.Module | griffe.Class) and member.name != "_gochan":
                self._type_implementations(member)

    def _name_examples(self, scope: griffe.Module | griffe.Class) -> None:
        for member in (scope, *scope.members.values()):
            if member.is_alias:
                continue
            if member.docstring is not None:
                text = member.docstring.value
                member.docstring.value = re.sub(r"(?m)^Example:$", "Examples:", text)
            if member is not scope and isinstance(member, griffe.Module | griffe.Class):
                self._name_examples(member)

    def _name_types(self, scope: griffe.Module | griffe.Class) -> None:
        for member in scope.members.values():
            if member.is_alias:
                continue
            if isinstance(member, griffe.Function):
                for function in (member, *(member.overloads or ())):
                    self._name(function.returns)
                    for parameter in function.parameters:
                        self._name(parameter.annotation)
            elif isinstance(member, griffe.Attribute):
                self._name(member.annotation)
            elif isinstance(member, griffe.Module | griffe.Class):
                for base in getattr(member, "bases", ()):
                    self._name(base)
                self._name_types(member)

    def _name(self, annotation: str | griffe.Expr | None) -> None:
        if isinstance(annotation, griffe.Expr):
            for name in annotation.iterate(flat=True):
                if isinstance(name, griffe.ExprName) and name.name.startswith("_"):
                    name.name = MEANING.get(name.name, name.name[1:])
