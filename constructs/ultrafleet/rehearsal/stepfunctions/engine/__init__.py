"""Interpreter of Amazon States Language and its AWS SDK integrations."""
