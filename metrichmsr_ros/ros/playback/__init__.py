"""Play and record bags over the middleware, for demos and tests."""
