"""Playing and recording bags over the middleware, for demos and tests."""
