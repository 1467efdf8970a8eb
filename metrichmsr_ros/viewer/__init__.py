"""The viewer: frames of any source, drawn in a web page that needs no internet (`metrichmsr view`)."""
