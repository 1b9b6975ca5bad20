"""All that knows Hydra: the app, the command line, composition of grids, errors in words."""
