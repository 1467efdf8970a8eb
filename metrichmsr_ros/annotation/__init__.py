"""`metrichmsr annotate`: people in metres of photographs, videos, bags and shards, written as an annotation folder."""
