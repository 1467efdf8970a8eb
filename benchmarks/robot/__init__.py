"""What a robot plans with: people in a fixed frame and over several cameras, against truth."""
