"""One training: what defines it, how it is executed, and its record."""
