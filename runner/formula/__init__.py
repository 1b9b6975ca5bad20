"""The contract between the mathematics and the runner: the Formula record, register(), lookup().

A file in `experiments/` states a formula and ends with `register(...)`. Its name is the file's name,
and everything in it is matched by argument name, never by position:

    shapes(m, n)                    -> {input: size}, in the order in which inputs are drawn
    sample(rng, m, n)               -> {input: tensor}, those that `shapes` alone cannot describe
    forward(x, W, *, eps=1e-5)      -> y, or {output or saved intermediate: tensor}
    library(x, W, *, eps)           -> what a user would call instead
    derivation(grad_y, x, mean)     -> {input: gradient}
    jacobian(x, W)                  -> {input: full Jacobian, of shape output + input}

`register` finds the first four by these names; derivations and Jacobians are listed. The positional
arguments of `forward` are the inputs (with a default of None, an optional one), its keyword-only arguments
the hyper-parameters. `shapes`, `sample` and the derivations may ask for any hyper-parameter by name, and may
add keyword-only ones of their own. A domain stands beside the default, once for each of them:
`eps: Annotated[float, at_least(0)] = 1e-5`. `**rest` takes the inputs that a formula of any depth cannot
name.

`in_float32` is for what half precision is too short for. For an elementwise function its slope is enough:
`register_elementwise`.
"""

from runner.formula.domain import Domain, above, at_least, between, integer, one_of, optional
from runner.formula.draw import Draw
from runner.formula.edge import Edge, Shape
from runner.formula.elementwise import Slope, register_elementwise, through
from runner.formula.example import Example
from runner.formula.formula import Formula
from runner.formula.precision import in_float32
from runner.formula.registry import lookup, names, register
from runner.formula.signature import Gradients, Sizes

__all__ = [
    "Domain", "Draw", "Edge", "Example", "Formula", "Gradients", "Shape", "Sizes", "Slope", "above",
    "at_least", "between", "in_float32", "integer", "lookup", "names", "one_of", "optional", "register",
    "register_elementwise", "through",
]  # fmt: skip
