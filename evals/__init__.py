"""Measuring what the product does."""
