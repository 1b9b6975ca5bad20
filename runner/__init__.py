"""How an experiment is run; knows no formula."""
