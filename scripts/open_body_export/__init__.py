"""Steps of the open body's export: population, rest pose, regressors, landmarks. Needs the `anny` package."""
