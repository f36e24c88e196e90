"""Callbacks for libraries that own the training loop; each is imported by its own name."""
