"""Delivery of journals to a daemon on another host: what is sent, when, and what comes of it."""
