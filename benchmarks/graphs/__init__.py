"""The default preset's graphs against torch, on people in rendered and real pictures."""
