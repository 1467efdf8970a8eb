"""Motion capture: readers, retargeting to the body's skeleton, and poses sampled from it."""
