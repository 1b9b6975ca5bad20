"""Doors for code that stands elsewhere: a Function, an op, a module or a pair of functions is judged.

Each makes of what it is handed the same things that a formula's file states: named inputs, a forward, and
derivations. From there on everything is judged as an experiment is.
"""
