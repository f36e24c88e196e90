"""Which parts of a network are blocks."""
