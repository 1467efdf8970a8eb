"""Parametric bodies with the SMPL-24 skeleton: the open body (CC0) and the user's own SMPL."""
