"""The second back end of crops: the same drawings on a GPU, a batch at a time, with numba's CUDA."""
