"""The app, the command line, and the composition of grids."""
