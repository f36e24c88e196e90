"""What recording costs a training loop, beside other ways of watching it."""
