"""Numbers in, verdicts out: differences with their evidence, what each parameter did, findings in words."""
