"""Many runs: which there are, where they run, how far they are."""
