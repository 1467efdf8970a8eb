"""What the arms of rendered people do: gestures, and what looks like them."""
