# The node on a desktop GPU: ROS 2 Jazzy, ONNX Runtime with CUDA 12 and cuDNN 9 from pip.
# Written against the documentation of the parts. Not built and not run yet: no machine with Docker and a GPU was there.
#   docker build -f docker/cuda.Dockerfile -t metrichmsr:cuda .
#   docker run --rm --gpus all --network host --ipc host metrichmsr:cuda
# The host needs NVIDIA's driver (525 or later) and the NVIDIA Container Toolkit.
FROM ros:jazzy-ros-base

RUN apt-get update && apt-get install -y --no-install-recommends python3-venv python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /workspace
COPY . src/metrichmsr_ros
RUN apt-get update && rosdep update && rosdep install --from-paths src --ignore-src -y \
    && rm -rf /var/lib/apt/lists/*

# onnxruntime-gpu replaces onnxruntime: one environment holds one build.
RUN python3 -m venv --system-site-packages /opt/metrichmsr \
    && . /opt/metrichmsr/bin/activate \
    && pip install --no-cache-dir -r src/metrichmsr_ros/requirements.txt 'numpy<2' 'opencv-python-headless<4.12' \
    && pip uninstall -y onnxruntime \
    && pip install --no-cache-dir 'onnxruntime-gpu[cuda,cudnn]>=1.21,<1.24'
RUN . /opt/ros/jazzy/setup.sh && . /opt/metrichmsr/bin/activate \
    && colcon build --packages-select metrichmsr_ros \
    && . install/setup.sh && metrichmsr setup

ENV FASTRTPS_DEFAULT_PROFILES_FILE=/workspace/src/metrichmsr_ros/config/fastdds_large_images.xml
ENTRYPOINT ["bash", "-c", ". /opt/metrichmsr/bin/activate && . install/setup.bash && exec \"$@\"", "--"]
CMD ["ros2", "launch", "metrichmsr_ros", "perception.launch.py", "device:=cuda"]
