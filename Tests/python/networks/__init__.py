"""Networks that no library ships, written as their papers and their users write them."""
