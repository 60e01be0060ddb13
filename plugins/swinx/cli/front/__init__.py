"""Commands by name, their help, and the stages as commands."""
