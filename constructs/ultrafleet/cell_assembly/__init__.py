"""Cells of a programme as cloud assemblies, written in plain Python from patterns that the CDK synthesised once."""
