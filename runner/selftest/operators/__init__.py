"""Changes to a syntax tree: each takes a node and yields what may stand in its place, by class of mistake."""

import ast

from runner.selftest.operators import arithmetic, calls, places
from runner.selftest.operators.change import Change, Operator

__all__ = ["OPERATORS", "Change", "Operator"]

OPERATORS: dict[type, tuple[Operator, ...]] = {
    ast.BinOp: (arithmetic.opposite_operation, arithmetic.one_operand, arithmetic.swapped_product),
    ast.AugAssign: (arithmetic.opposite_operation, arithmetic.no_update),
    ast.Assign: (arithmetic.no_update,),
    ast.Constant: (arithmetic.other_number, calls.transposed_letters),
    ast.UnaryOp: (arithmetic.no_minus,),
    ast.Attribute: (calls.no_transpose,),
    ast.Call: (
        calls.no_call,
        calls.other_reduction,
        calls.other_axis,
        arithmetic.eps_outside,
        places.shorter_range,
        calls.swapped_choice,
    ),
    ast.Compare: (arithmetic.at_equality,),
    ast.Dict: (places.other_entry,),
    ast.Slice: (places.off_by_one,),
    ast.IfExp: (places.one_branch,),
}
