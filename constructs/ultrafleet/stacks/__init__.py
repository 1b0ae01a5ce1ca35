"""The app's stacks: one stage for each environment file."""
