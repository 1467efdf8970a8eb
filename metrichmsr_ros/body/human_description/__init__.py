"""A person as REP-155's kinematic tree: segments, joints, joint values, link frames, and the URDF.

Names, axes and parents are those of ros4hri's `human_description`. Frames are REP-155's: x out of the chest, y to the
left, z to the head. NumPy alone; no ROS.
"""
