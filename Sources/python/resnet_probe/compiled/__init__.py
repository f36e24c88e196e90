"""Measures blocks within networks that torch.compile compiled; imported only where one is."""
