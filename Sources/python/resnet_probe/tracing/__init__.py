"""Which tensor of a forward pass came from which: the traces that blocks are recognised in."""
