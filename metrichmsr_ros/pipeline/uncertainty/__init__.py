"""How well the joints and the orientation of people are known: covariances, and whether joints are seen."""
