"""The contract between the mathematics and the runner: the Formula record, register(), lookup().

A file in `experiments/` states a formula and ends with `register(...)`. Its name is the file's name,
and everything in it is matched by argument name, never by position:

    shapes(m, n)                    -> {input: size}, in the order in which inputs are drawn
    sample(rng, m, n)               -> {input: tensor}, those that `shapes` alone cannot describe
    forward(x, W, *, eps=1e-5)      -> y, or {output or saved intermediate: tensor}
    derivation(grad_y, x, mean)     -> {input: gradient}
    jacobian(x, W)                  -> {input: full Jacobian, of shape output + input}

The positional arguments of `forward` are the inputs (with a default of None, an optional one), its
keyword-only arguments the hyper-parameters. `shapes`, `sample` and the derivations may ask for any
hyper-parameter by name, and may add keyword-only ones of their own. `**rest` takes the inputs that a
formula of any depth cannot name.
"""

from runner.formula.domain import Domain, above, at_least, between, integer, one_of, optional
from runner.formula.draw import Draw
from runner.formula.formula import Edge, Formula, Shape
from runner.formula.registry import lookup, names, register

__all__ = [
    "Domain", "Draw", "Edge", "Formula", "Shape", "above", "at_least", "between", "integer", "lookup",
    "names", "one_of", "optional", "register",
]  # fmt: skip
