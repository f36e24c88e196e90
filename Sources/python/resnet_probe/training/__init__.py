"""The hooks on networks, optimizers and scalers, and what keeps training safe from them."""
