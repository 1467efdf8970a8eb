"""Motion capture: readers, retargeting to the body's skeleton, and pose sampling."""
