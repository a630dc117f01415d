"""From the source of a module to its mutants, and to one module that has them all behind a switch. Pure.

Only what is in functions is mutated: what runs at the import runs once, before any test. No text is: what people read
is held by the tests of messages, and a word with an X in it says nothing about judgement.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

SWITCH = "_mutant_"
"""What the switch is called in an instrumented module."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_OPPOSITES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `name` stays the same while its function does, whatever stands around it."""

    number: int
    module: str
    function: str
    line: int
    before: str
    after: str
    nth: int
    """Among those with the same change in the same function, from 1."""

    @property
    def name(self) -> str:
        times = "" if self.nth == 1 else f" #{self.nth}"
        return f"{self.module}:{self.function}: {self.before} -> {self.after}{times}"


@dataclass
class Numbering:
    """Numbers run over all modules."""

    mutants: list[Mutant] = field(default_factory=list)

    def add(self, module: str, function: str, line: int, before: str, after: str) -> int:
        change = (module, function, before, after)
        alike = sum((each.module, each.function, each.before, each.after) == change for each in self.mutants)
        number = len(self.mutants) + 1
        self.mutants.append(Mutant(number, module, function, line, before, after, alike + 1))
        return number


def instrument(source: str, module: str, numbering: Numbering) -> ast.Module:
    """The module with its mutants behind `SWITCH`, which it imports; they are added to the numbering."""
    tree = ast.parse(source)
    _Instrument(module, numbering).visit(tree)
    first = next((n for n, each in enumerate(tree.body) if not _belongs_at_the_top(each)), len(tree.body))
    alias = ast.alias("switch", SWITCH)
    tree.body.insert(first, ast.ImportFrom("tests.mutation.switch", [alias], 0))
    return ast.fix_missing_locations(tree)


def _belongs_at_the_top(statement: ast.stmt) -> bool:
    return _is_text(statement) or (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class _Instrument(ast.NodeTransformer):
    def __init__(self, module: str, numbering: Numbering) -> None:
        self._module = module
        self._numbering = numbering
        self._within: list[str] = []
        self._in_function = 0

    # -- where

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._within.append(node.name)
        node.body = [self.visit(each) for each in node.body]
        self._within.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._visit_function(node)

    def _visit_function(self, node: _Function) -> ast.AST:
        """Its body alone: decorators, defaults and annotations are read at the import."""
        self._within.append(_name_of(node))
        self._in_function += 1
        node.body = [self.visit(each) for each in node.body]
        self._in_function -= 1
        self._within.pop()
        return node

    # -- what

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.ClassDef | _Function | ast.Module) or not self._in_function:
            return super().visit(node)
        if isinstance(node, ast.expr):
            return self._expression(node)
        if isinstance(node, ast.stmt):
            return self._statement(node)
        return super().visit(node)

    def _expression(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Lambda):
            node.body = self._expression(node.body)
            return node
        variants = [] if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del) else list(_variants(node))
        return self._behind_switches(node, variants)

    def _behind_switches(self, node: ast.expr, variants: list[ast.expr]) -> ast.expr:
        plain = ast.unparse(node)
        whole: ast.expr = self._children(node)
        for variant in reversed(variants):
            test = self._switch(node, plain, ast.unparse(variant))
            whole = ast.copy_location(ast.IfExp(test, variant, whole), node)
        return whole

    def _children(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.FormattedValue):
            node.value = self._expression(node.value)
            return node
        visited = self.generic_visit(node)
        assert isinstance(visited, ast.expr)
        return visited

    def _switch(self, node: ast.stmt | ast.expr, before: str, after: str) -> ast.expr:
        number = self._numbering.add(self._module, ".".join(self._within), node.lineno, before, after)
        return ast.Call(ast.Name(SWITCH, ast.Load()), [ast.Constant(number)], [])

    def _statement(self, node: ast.stmt) -> ast.stmt:
        if _is_text(node) or isinstance(node, ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal):
            return node
        plain, without = ast.unparse(node).split("\n")[0], _without(node)
        if isinstance(node, ast.AnnAssign):
            node.value = node.value and self._expression(node.value)
        elif isinstance(node, ast.Return):
            node.value = node.value and self._returned(node.value)
        elif isinstance(node, ast.If | ast.While):
            node.test = self._tested(node.test)
            node.body, node.orelse = self._all(node.body), self._all(node.orelse)
        elif isinstance(node, ast.Match):
            node.subject = self._expression(node.subject)
            for case in node.cases:
                case.guard = case.guard and self._tested(case.guard)
                case.body = self._all(case.body)
        else:
            self.generic_visit(node)
        if without is None:
            return node
        test = self._switch(node, plain, ast.unparse(without))
        return ast.copy_location(ast.If(test, [without], [node]), node)

    def _all(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [self.visit(each) for each in body]

    def _returned(self, value: ast.expr) -> ast.expr:
        """Nothing instead of something; a bool has its own opposite."""
        plain = deepcopy(value)
        inner = self._expression(value)
        if isinstance(plain, ast.Constant):
            return inner
        nothing = ast.copy_location(ast.Constant(None), plain)
        test = self._switch(plain, f"return {ast.unparse(plain)}", "return None")
        return ast.copy_location(ast.IfExp(test, nothing, inner), plain)

    def _tested(self, test: ast.expr) -> ast.expr:
        """The opposite, where no smaller change means the same."""
        plain = deepcopy(test)
        inner = self._expression(test)
        if isinstance(plain, ast.Compare | ast.UnaryOp | ast.Constant):
            return inner
        opposite = ast.copy_location(ast.UnaryOp(ast.Not(), plain), plain)
        switch = self._switch(plain, f"if {ast.unparse(plain)}", f"if {ast.unparse(opposite)}")
        return ast.copy_location(ast.IfExp(switch, opposite, inner), plain)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        node.iter = self._expression(node.iter)
        node.ifs = [self._tested(each) for each in node.ifs]
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.IfExp) and self._in_function:
            node.test = self._tested(node.test)
            node.body, node.orelse = self._expression(node.body), self._expression(node.orelse)
            return node
        return super().generic_visit(node)


def _name_of(node: _Function) -> str:
    """Handlers that are registered by the type of what they take are all called `_`."""
    taken = node.args.args
    first = next((arg for arg in taken if arg.arg != "self" and arg.annotation is not None), None)
    if node.name != "_" or first is None or first.annotation is None:
        return node.name
    return f"_({ast.unparse(first.annotation)})"


def _without(node: ast.stmt) -> ast.stmt | None:
    """What stands in the place of a statement that is left out; None where leaving it out breaks all that follows."""
    swapped: ast.stmt | None = None
    match node:
        case ast.Break():
            swapped = ast.Continue()
        case ast.Continue():
            swapped = ast.Break()
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            swapped = ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            swapped = ast.Pass()
    return swapped and ast.copy_location(swapped, node)


_Maker = Callable[[ast.expr], Iterator[ast.expr]]


def _variants(node: ast.expr) -> Iterator[ast.expr]:
    """Other expressions in the place of this one."""
    makers: dict[type[ast.expr], _Maker] = {
        ast.Compare: _compared,
        ast.BoolOp: _joined,
        ast.UnaryOp: _signed,
        ast.BinOp: _calculated,
        ast.Constant: _constant,
        ast.Call: _called,
    }
    maker = makers.get(type(node))
    for variant in maker(node) if maker is not None else ():
        yield ast.copy_location(variant, node)


def _compared(node: ast.expr) -> Iterator[ast.expr]:
    assert isinstance(node, ast.Compare)
    for index, operator in enumerate(node.ops):
        changed = deepcopy(node)
        changed.ops[index] = _COMPARISONS[type(operator)]()
        yield changed


def _joined(node: ast.expr) -> Iterator[ast.expr]:
    assert isinstance(node, ast.BoolOp)
    changed = deepcopy(node)
    changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield changed


def _signed(node: ast.expr) -> Iterator[ast.expr]:
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.Not):
        yield ast.Call(ast.Name("bool", ast.Load()), [deepcopy(node.operand)], [])


def _calculated(node: ast.expr) -> Iterator[ast.expr]:
    assert isinstance(node, ast.BinOp)
    if type(node.op) in _ARITHMETIC and not _is_texts(node):
        changed = deepcopy(node)
        changed.op = _ARITHMETIC[type(node.op)]()
        yield changed


def _is_texts(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(isinstance(side, ast.JoinedStr) for side in sides) or any(
        isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides
    )


def _constant(node: ast.expr) -> Iterator[ast.expr]:
    assert isinstance(node, ast.Constant)
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)


def _called(node: ast.expr) -> Iterator[ast.expr]:
    assert isinstance(node, ast.Call)
    if isinstance(node.func, ast.Name) and node.func.id in _OPPOSITES:
        changed = deepcopy(node)
        changed.func = ast.Name(_OPPOSITES[node.func.id], ast.Load())
        yield changed
