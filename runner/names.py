"""What handgrad's packages and its command are called: `runner` in a clone, `handgrad.runner` in a wheel.

Whatever needs the name of a module takes it from here or from its own `__name__`: what is spelled out would
be somebody else's where a user has a `runner` of his own.
"""

ABOVE = __name__.removesuffix("runner.names")  # what stands before each name: nothing, or "handgrad."
PACKAGES = ("experiments", "runner")
EXPERIMENTS = f"{ABOVE}experiments"
COMMAND = ("handgrad",) if ABOVE else ("python", "-m", "runner")


def package_of(module: str) -> str:
    """Return the package that a module belongs to: its first name, or the first below `handgrad`."""
    above = ABOVE if module.startswith(ABOVE) else ""
    return above + module.removeprefix(above).partition(".")[0]
