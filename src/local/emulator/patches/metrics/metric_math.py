"""Metric math over aligned series: arithmetic, comparisons, and the functions that alarms of rates need.

The syntax and the meaning of gaps are those of "Using math expressions with CloudWatch metrics" (CloudWatch User
Guide): a gap in any operand is a gap in the result, division by zero is a gap, a comparison is 0 or 1.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Value = float | None

_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_REDUCTIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "MAX": max,
    "MIN": min,
    "AVG": lambda values: sum(values) / len(values),
}


def names(expression: str) -> set[str]:
    """The series that an expression speaks of."""
    calls = {"FILL", "IF", "ABS", *_REDUCTIONS}
    return {n.id for n in ast.walk(_parse(expression)) if isinstance(n, ast.Name)} - calls


def evaluate(expression: str, series: Mapping[str, Sequence[Value]], length: int) -> list[Value]:
    """The expression's value for each of ``length`` periods; None where it has none. ValueError: not understood."""
    tree = _parse(expression)
    return [_value(tree, {name: values[index] for name, values in series.items()}) for index in range(length)]


def _parse(expression: str) -> ast.expr:
    text = expression.replace("&&", " and ").replace("||", " or ").replace(" AND ", " and ").replace(" OR ", " or ")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"metric math not understood: {expression}") from error


def _value(node: ast.expr, at: Mapping[str, Value]) -> Value:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        return at[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _value(node.operand, at)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp):
        return _binary(type(node.op), _value(node.left, at), _value(node.right, at))
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _binary(type(node.ops[0]), _value(node.left, at), _value(node.comparators[0], at))
    if isinstance(node, ast.BoolOp):
        values = [_value(part, at) for part in node.values]
        if any(value is None for value in values):
            return None
        return float(all(values) if isinstance(node.op, ast.And) else any(values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node.func.id.upper(), node.args, at)
    raise ValueError(f"metric math not understood: {ast.unparse(node)}")


def _binary(kind: type[Any], left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    if kind is ast.Div:
        return left / right if right else None
    if kind not in _OPERATORS:
        raise ValueError(f"metric math not understood: {kind.__name__}")
    return float(_OPERATORS[kind](left, right))


def _call(name: str, args: Sequence[ast.expr], at: Mapping[str, Value]) -> Value:
    if name == "FILL":
        value = _value(args[0], at)
        return _value(args[1], at) if value is None else value
    if name == "IF":
        condition = _value(args[0], at)
        return None if condition is None else _value(args[1] if condition else args[2], at)
    if name == "ABS":
        value = _value(args[0], at)
        return None if value is None else abs(value)
    if name in _REDUCTIONS:
        parts = args[0].elts if isinstance(args[0], ast.List) else args
        values = [value for part in parts if (value := _value(part, at)) is not None]
        return float(_REDUCTIONS[name](values)) if values else None
    raise ValueError(f"metric math not understood: {name}")
