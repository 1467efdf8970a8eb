# The node on a Jetson Orin with JetPack 6 (L4T r36.4, CUDA 12.6, Ubuntu 22.04): ROS 2 Humble, and ONNX Runtime with
# CUDA and TensorRT from the Jetson AI Lab's index.
# Written against the documentation of the parts. Not built and not run yet: no Jetson was there.
#   docker build -f docker/jetson.Dockerfile -t metrichmsr:jetson .
#   docker run --rm --runtime nvidia --network host --ipc host metrichmsr:jetson
FROM nvcr.io/nvidia/l4t-jetpack:r36.4.0

ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN apt-get update && apt-get install -y --no-install-recommends curl ca-certificates gnupg \
    && curl -fsSL https://raw.githubusercontent.com/ros/rosdistro/master/ros.key \
       -o /usr/share/keyrings/ros-archive-keyring.gpg \
    && echo "deb [signed-by=/usr/share/keyrings/ros-archive-keyring.gpg] http://packages.ros.org/ros2/ubuntu jammy main" \
       > /etc/apt/sources.list.d/ros2.list \
    && apt-get update && apt-get install -y --no-install-recommends ros-humble-ros-base python3-colcon-common-extensions \
       python3-rosdep python3-venv python3-pip build-essential \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /workspace
COPY . src/metrichmsr_ros
RUN apt-get update && rosdep init && rosdep update \
    && rosdep install --from-paths src --ignore-src --rosdistro humble -y \
    && rm -rf /var/lib/apt/lists/*

# The index has no other packages of ours: only this build of ONNX Runtime comes from it.
RUN python3 -m venv --system-site-packages /opt/metrichmsr \
    && . /opt/metrichmsr/bin/activate \
    && pip install --no-cache-dir -r src/metrichmsr_ros/requirements.txt 'numpy<2' 'opencv-python-headless<4.12' \
    && pip uninstall -y onnxruntime \
    && pip install --no-cache-dir --no-deps --index-url https://pypi.jetson-ai-lab.io/jp6/cu126 onnxruntime-gpu
RUN . /opt/ros/humble/setup.sh && . /opt/metrichmsr/bin/activate \
    && colcon build --packages-select metrichmsr_ros \
    && . install/setup.sh && metrichmsr setup

ENV FASTRTPS_DEFAULT_PROFILES_FILE=/workspace/src/metrichmsr_ros/config/fastdds_large_images.xml
ENTRYPOINT ["bash", "-c", ". /opt/metrichmsr/bin/activate && . install/setup.bash && exec \"$@\"", "--"]
# `tensorrt` builds an engine of each network at the first start, which takes minutes; `cuda` starts at once.
CMD ["ros2", "launch", "metrichmsr_ros", "perception.launch.py", "device:=cuda"]
