"""The mathematics: one formula a file, in folders by family. A file's name is the formula's name."""
