"""Commands that are killed at random moments, started again, and compared with an undisturbed run."""
