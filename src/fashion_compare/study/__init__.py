"""Many runs as one study: what to run (spec, plan), running it (engine), and what came out (results)."""
