"""What can be converted: annotation folders and results of replays."""
