"""Launches and the sale of capacity blocks."""
