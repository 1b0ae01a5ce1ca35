"""Reasons for which EC2 refuses to launch an instance."""
