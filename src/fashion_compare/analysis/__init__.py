"""Finished runs in, sections of the results out: each computed once, cached, and described."""
