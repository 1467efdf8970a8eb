"""One module for each format: values of `conversion` in, files out."""
