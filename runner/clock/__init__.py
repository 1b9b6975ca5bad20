"""How long a gradient takes."""
