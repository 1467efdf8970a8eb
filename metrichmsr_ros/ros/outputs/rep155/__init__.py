"""REP-155's kinematic model of people: URDF, joint states and link frames."""
