"""The perception node: images and CameraInfo in; people, depth and transforms out.

    ros2 run metrichmsr_ros perception --ros-args -r image:=/cam/image_raw -r camera_info:=/cam/camera_info

A lifecycle node that configures and activates itself unless `autostart` is false. The executor's thread only receives;
one worker thread runs the network on the newest image.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import SetBool

from metrichmsr_ros.ros.diagnostics import REMIND_S, Statistics
from metrichmsr_ros.ros.frame_processor import Frame, FrameProcessor, ScenePipeline
from metrichmsr_ros.ros.graph_hints import elsewhere, misspelt, namesakes
from metrichmsr_ros.ros.inputs.camera_info import CameraInfos
from metrichmsr_ros.ros.inputs.depth import DepthImages
from metrichmsr_ros.ros.inputs.detections import DetectedBoxes
from metrichmsr_ros.ros.inputs.intake import Intake
from metrichmsr_ros.ros.inputs.scene_context import ContextProvider
from metrichmsr_ros.ros.inputs.subscription import Input
from metrichmsr_ros.ros.inputs.waiting import WaitBudget
from metrichmsr_ros.ros.lifecycle.managed_node import ManagedNode
from metrichmsr_ros.ros.lifecycle.program import run_program
from metrichmsr_ros.ros.messages import optional_messages
from metrichmsr_ros.ros.outputs.fixed_frame import FixedFrameTopics
from metrichmsr_ros.ros.outputs.publishers import Outputs
from metrichmsr_ros.ros.outputs.session_tag import session_tag
from metrichmsr_ros.ros.parameter_declaration import check_changes, declare_parameters, read_settings
from metrichmsr_ros.ros.parameters import FORMER_NAMES, Settings
from metrichmsr_ros.ros.process import EndSignals, process_age_s
from metrichmsr_ros.ros.tf import TransformBroadcaster, TransformListener
from metrichmsr_ros.ros.worker import NewestWinsWorker

# A packet lost on the way is sent again, and all images that it held up come at once: they must not overwrite each
# other unseen. Which of them is processed is for the worker to say: the newest.
QUEUED_IMAGES = 10
_IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_FAILURE = TransitionCallbackReturn.FAILURE


class PerceptionNode(ManagedNode):
    """Lifecycle node around one pipeline and one camera.

    Args:
        load: makes the pipeline from the settings, on configure; its exceptions are told to the user.
        name: node name.
        owns_process: whether the process runs this node alone, so that its age is the time until the node is ready.
        node_options: further arguments of rclpy's Node (context, namespace, parameter_overrides, ...).
    """

    def __init__(
        self,
        load: Callable[[Settings], ScenePipeline],
        name: str = "perception",
        owns_process: bool = False,
        **node_options: Any,
    ) -> None:
        super().__init__(name, **node_options)
        declare_parameters(self)
        self._load = load
        self._owns_process = owns_process
        self._settings = read_settings(self)
        self._enabled = True
        self._failure = ""  # why the last configure failed
        self._tag = ""
        for text in misspelt(self._parameter_overrides, self._parameters, FORMER_NAMES):
            self.get_logger().warning(text)
        self._statistics = Statistics(self.get_logger().warning, self.get_logger().info)
        self._pipeline: ScenePipeline | None = None
        self._outputs: Outputs | None = None
        self._processor: FrameProcessor | None = None
        self._worker: NewestWinsWorker[Frame] | None = None
        self._inputs: dict[str, Input] = {}
        self._transforms: TransformListener | None = None
        self._broadcaster = TransformBroadcaster(self)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._services_made = self.create_service(SetBool, "~/enable", self._on_enable)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still, health reports may not
        self._report_timer = self.create_timer(1.0, self._report, clock=steady)
        if self._settings.autostart:
            self.start_by_itself(steady)

    @property
    def statistics(self) -> Statistics:
        """Counts of images and latencies since the node was made."""
        return self._statistics

    # transitions ---------------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model and create the publishers."""
        started = time.monotonic()
        self._tag = session_tag()
        try:
            self._pipeline = self._load(self._settings)
            self._outputs = Outputs(self, self._pipeline.body, self._broadcaster, self._tagged(self._settings))
        except Exception as error:
            # rclpy would swallow it; the user needs the reason, and the node stays unconfigured and can be tried again
            self._failure = f"cannot configure: {type(error).__name__}: {error}"
            if self.context.ok():  # else it is the end that broke it off
                self.get_logger().error(self._failure)
            self._pipeline = None
            return _FAILURE
        self._failure = ""
        self.get_logger().info(_ready(time.monotonic() - started, self._owns_process))
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Enable the publishers, start the worker, subscribe."""
        if self._pipeline is None or self._outputs is None:
            return _FAILURE
        self._statistics.begin()
        result = super().on_activate(state)
        self._outputs.publish_topology()
        problem, budget = self._statistics.problem, WaitBudget()
        infos = CameraInfos(self._no_info, problem=problem, budget=budget)
        depths = DepthImages(budget=budget, problem=problem, topic=self.resolve_topic_name("depth"))
        boxes, topic = DetectedBoxes(), self._image_topic()
        self._transforms = self._listen_to_transforms(self._outputs.fixed_frame)
        floor_source = self._transforms if self._settings.ground_frame else None
        contexts = ContextProvider(floor_source, depths, boxes, problem, budget=budget)
        self._processor = FrameProcessor(
            self._pipeline,
            self._outputs,
            Intake(topic, infos, contexts, problem, budget),
            self._statistics,
            lambda: int(self.get_clock().now().nanoseconds),
            self._tagged(self._settings),
        )
        self._worker = NewestWinsWorker(self._processor, lambda frame: self._statistics.dropped("superseded"))
        self._subscribe(topic, infos, depths, boxes)
        self.get_logger().info(f"active: {topic} and {self.resolve_topic_name('camera_info')}")
        return result

    def _listen_to_transforms(self, fixed_frame: FixedFrameTopics | None) -> TransformListener | None:
        if fixed_frame is None:
            return TransformListener(self) if self._settings.ground_frame else None
        transforms = TransformListener(self, fixed_frame.transforms_came)
        fixed_frame.follow(transforms, self._statistics.problem)
        return transforms

    def stop(self) -> None:
        """Unsubscribe, and let the frame in work finish."""
        for source in self._inputs.values():
            source.close()
        self._inputs = {}
        if self._worker is not None:
            self._worker.stop()
        self._worker = self._processor = None
        if self._outputs is not None:
            self._outputs.rest()
            if self._outputs.fixed_frame is not None:
                self._outputs.fixed_frame.follow(None, self._statistics.problem)
        if self._transforms is not None:
            self._transforms.close()
        self._transforms = None

    def release(self) -> None:
        """Release publishers, model and GPU memory."""
        if self._outputs is not None:
            self._outputs.destroy()
        had_model = self._pipeline is not None
        self._outputs = self._pipeline = None
        if had_model:  # not at every further end of the node
            _give_memory_back()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    # input ---------------------------------------------------------------------------------------------------------

    def _image_topic(self) -> str:
        topic: str = self.resolve_topic_name("image")  # resolved first: remapping `image` does not remap its children
        return topic if self._settings.image_transport == "raw" else f"{topic}/compressed"

    def _subscribe(self, topic: str, infos: CameraInfos, depths: DepthImages, boxes: DetectedBoxes) -> None:
        image_type = Image if self._settings.image_transport == "raw" else CompressedImage
        wanted = [
            (CameraInfo, "camera_info", infos.add, 10),
            (CameraInfo, "depth_info", depths.add_info, 1),
            (Image, "depth", depths.add, QUEUED_IMAGES),
        ]
        vision = optional_messages("vision_msgs")
        if vision:
            wanted.append((vision.Detection2DArray, "detections", boxes.add, 1))
        reliability = self._settings.image_reliability
        self._inputs = {name: Input(self, kind, name, take, depth, reliability) for kind, name, take, depth in wanted}
        self._inputs["image"] = Input(
            self, image_type, topic, self._on_image, QUEUED_IMAGES, reliability, self._on_images_lost
        )

    def _on_images_lost(self, count: int) -> None:
        text = f"{count} images of {self._image_topic()} were not received; see docs/reference/diagnostics.md"
        self._statistics.dropped("lost on the way", text, count)

    def _on_image(self, message: Any) -> None:
        self._statistics.image_received()
        worker, processor = self._worker, self._processor  # another thread may deactivate the node meanwhile
        if not self._enabled:
            self._statistics.dropped("disabled")
            if processor is not None:
                processor.disable()
        elif worker is not None:
            worker.offer(Frame(message, time.monotonic()))

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = request.data
        response.success, response.message = True, "enabled" if request.data else "disabled"
        return response

    def _on_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        settings, result = check_changes(self, changed)
        if settings is not None:
            self._settings = settings
            for part in (self._outputs, self._processor):
                if part is not None:
                    part.settings = self._tagged(settings)
        return result

    def _tagged(self, settings: Settings) -> Settings:
        return replace(settings, id_prefix=settings.id_prefix + self._tag) if settings.unique_ids else settings

    # health --------------------------------------------------------------------------------------------------------

    def _source(self) -> str:
        topic = self._image_topic()
        return f"{topic} ({self.count_publishers(topic)} publishers)"

    def _no_info(self) -> str:
        topic = self.resolve_topic_name("camera_info")
        return f"on {topic}: {self._hint(topic, 'camera_info', ['sensor_msgs/msg/CameraInfo'])}"

    def _hint(self, topic: str, argument: str, kinds: Sequence[str]) -> str:
        """Why nothing comes on an input topic."""
        source = self._inputs.get(argument)
        return (source.mismatch if source is not None else "") or elsewhere(self, topic, argument, kinds)

    def _warn_of_several_cameras(self) -> None:
        count = self.count_publishers(self._image_topic()) if self._inputs else 0
        if count > 1:
            self.get_logger().warning(
                f"{count} publishers on {self._image_topic()}: if they are several cameras, their people are mixed up; "
                "give each camera a topic and a node of its own",
                throttle_duration_sec=REMIND_S,
            )

    def _report(self) -> None:
        if not self.context.ok():  # a signal came just now
            return
        name = self.get_fully_qualified_name().lstrip("/")
        problem = (DiagnosticStatus.ERROR, self._failure) if self._failure else None
        if not problem and (others := namesakes(self)):
            text = f"{others} more nodes are called /{name}: give each a name or namespace of its own"
            self.get_logger().warning(text, throttle_duration_sec=REMIND_S)
            problem = DiagnosticStatus.WARN, text
        self._warn_of_several_cameras()
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        about = {"device": self._settings.device, "preset": self._settings.preset, "enabled": str(self._enabled)}
        about |= getattr(self._pipeline, "about", {})  # pipelines of others may not say what runs them
        processor = self._processor
        health = processor.health if processor is not None else {}
        message.status = [
            self._statistics.input_status(f"{name}: input", self._source(), self.state == "active", health),
            self._statistics.output_status(f"{name}: output", self.state, about, problem),
        ]
        if message.status[0].level == DiagnosticStatus.STALE:
            kinds = _IMAGES if self._settings.image_transport == "raw" else _IMAGES[::-1]
            message.status[0].message += f": {self._hint(self._image_topic(), 'image', kinds)}"
            self.get_logger().warning(message.status[0].message, throttle_duration_sec=REMIND_S)
        self._diagnostics.publish(message)


def _give_memory_back() -> None:
    """Return what networks held to the system: their objects may be in cycles, and glibc keeps freed pages."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _ready(configured_s: float, owns_process: bool) -> str:
    age_s = process_age_s() if owns_process else None
    since = f"model ready after {age_s:.1f} s, imports included; " if age_s is not None else "model ready; "
    return f"{since}configuring took {configured_s:.1f} s"


def load_pipeline(settings: Settings) -> ScenePipeline:
    """The pipeline that the parameters name."""
    # loads the networks' runtime: on configure, not at import
    from metrichmsr_ros.acceleration.execution import Execution
    from metrichmsr_ros.depth.factory import DepthChoice, check_source
    from metrichmsr_ros.pipeline.pipeline import Pipeline

    check_source(settings.depth_source, without=("file",))
    return Pipeline.from_preset(
        settings.preset,
        device=settings.device,
        body=settings.body,
        num_threads=settings.num_threads,
        depth=DepthChoice(
            settings.depth_source, settings.depth_calibration, settings.device, memory_s=settings.depth_memory
        ),
        test_time_augmentation=settings.test_time_augmentation,
        execution=Execution(settings.precision, settings.compile),
    )


def make_node(
    pipeline: ScenePipeline | None = None,
    parameter_overrides: Mapping[str, Any] | None = None,
    **node_options: Any,
) -> PerceptionNode:
    """A perception node to add to an executor of your own. Its ids begin at p1 unless `unique_ids` is set.

    Args:
        pipeline: used instead of loading one from the parameters.
        parameter_overrides: values by parameter name.
        node_options: further arguments of the node, e.g. `context`, `namespace`, `name`, `cli_args`.
    """
    load = load_pipeline if pipeline is None else lambda settings: pipeline
    values = {"unique_ids": False, **(parameter_overrides or {})}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return PerceptionNode(load, parameter_overrides=overrides, **node_options)


def _made_for_process(signals: EndSignals) -> PerceptionNode:
    """A node of its own process, whose loading a signal breaks off."""

    def load(settings: Settings) -> ScenePipeline:
        with signals.raising():
            return load_pipeline(settings)

    return PerceptionNode(load, owns_process=True)


def main(args: list[str] | None = None) -> None:
    """Run one node until SIGINT or SIGTERM."""
    try:
        run_program("perception", _made_for_process, args)
    finally:
        gc.freeze()  # all that is left dies with the process; to walk through torch first would cost seconds


if __name__ == "__main__":
    main()
