"""A lifecycle node that can start by itself, and that lets go of everything in every one of its ends."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rclpy.clock import Clock
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn


class ManagedNode(LifecycleNode, ABC):
    """Base of the nodes. Subclasses configure and activate; this does the rest.

    Subclasses call `start_by_itself` at the end of their constructor if they are to start without a manager.
    """

    @property
    def state(self) -> str:
        """Lifecycle state: unconfigured, inactive, active or finalized."""
        return str(self._state_machine.current_state[1])

    def start_by_itself(self, clock: Clock) -> None:
        """Configure and activate as soon as an executor spins; `clock` may not stand still."""
        self._start_timer = self.create_timer(0.0, self._autostart, clock=clock)

    def _autostart(self) -> None:
        self._start_timer.cancel()
        if self.state == "unconfigured":
            self.trigger_configure()
        if self.state == "inactive" and self.context.ok():
            self.trigger_activate()

    @abstractmethod
    def stop(self) -> None:
        """Unsubscribe, and let what is in work finish. Called in any state, also twice."""

    @abstractmethod
    def release(self) -> None:
        """Take the publishers back and free memory, after `stop`. Called in any state, also twice."""

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop, then disable the publishers."""
        self.stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and release."""
        return self._end()

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and release, from any state."""
        return self._end()

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything; the node is unconfigured afterwards and can be configured again."""
        self.get_logger().error("a transition failed: releasing everything")
        return self._end()

    def destroy_node(self) -> None:
        """Stop and release, then destroy as usual."""
        self._end()
        super().destroy_node()

    def _end(self) -> TransitionCallbackReturn:
        self.stop()
        self.release()
        return TransitionCallbackReturn.SUCCESS
