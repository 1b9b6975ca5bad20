"""The judge is judged: mistakes are planted into derivations that are right, and counted when caught."""
