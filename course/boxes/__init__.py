"""The boxes a program can run in: one interface, several implementations."""
