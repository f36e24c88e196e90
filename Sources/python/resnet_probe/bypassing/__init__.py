"""Copies of a network without some of its blocks."""
