"""Arrays in, numbers out: how good a set of predictions is, from its labels and logits alone."""
