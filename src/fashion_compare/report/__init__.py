"""One self-contained page from a study's files, and the figures in it."""
