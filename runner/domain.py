"""The domains of hyper-parameters, also by this name: `from runner.domain import above`."""

from runner.formula.domain import Domain, above, at_least, between, integer, one_of, optional

__all__ = ["Domain", "above", "at_least", "between", "integer", "one_of", "optional"]
