"""Speed of the default preset on rendered frames, beside MediaPipe and over DDS."""
