"""The commands, one function each; heavy imports wait until a command needs them."""
