"""Which release of resnet-probe this is."""

VERSION = "0.1.0"
"""The version that the package states and that stands in each journal."""
