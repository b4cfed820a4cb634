"""Cameras, films and RTSP streams, read by OpenCV."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from threading import Event

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.errors import StreamError
from crackwise.watch.arrival import Shot

__all__ = ["read_camera", "read_film", "read_rtsp"]

LOG = logging.getLogger(__name__)


OPEN_MS, STALLED_MS = 5_000, 10_000
MOST_MISSING = 25
"""Frames in a row that cannot be read; beyond, the film is taken to end there."""
FFMPEG_QUIET = "-8"
"""Its level of logging that says nothing."""
ONE_THREAD = [cv2.CAP_PROP_N_THREADS, 1]
"""More would each hold frames."""


def read_camera(index: int, stop: Event) -> Iterator[Shot]:
    """RGB frames of a camera of this machine, 0 the first.

    Raises:
        StreamError: there is none, it is in use, or it went away.
    """
    be_silent()  # it tells of every way it tried
    yield from frames_of(cv2.VideoCapture(index), f"camera {index}", stop)
    raise StreamError(f"Camera {index} sends nothing any more.")


def be_silent() -> None:
    """Keep what OpenCV and FFmpeg say of their own attempts from the user."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", FFMPEG_QUIET)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def read_rtsp(url: str, shown: str, stop: Event) -> Iterator[Shot]:
    """RGB frames of an RTSP stream, over TCP.

    Raises:
        StreamError: no answer, no stream, or it ended.
    """
    be_silent()  # FFmpeg looks at a stream for as long as it may, where that does not say how fast it is
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, STALLED_MS]
    yield from frames_of(cv2.VideoCapture(url, cv2.CAP_FFMPEG, [*timeouts, *ONE_THREAD]), shown, stop)
    raise StreamError(f"The stream of {shown} ended.")


def read_film(path: str, stop: Event, *, fps: float | None = None) -> Iterator[Shot]:
    """RGB frames of a video file; with ``fps`` at most so many of a second of it, None for those between.

    Raises:
        StreamError: no film, or of a kind that cannot be decoded.
    """
    be_silent()
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, ONE_THREAD)
    own_fps = capture.get(cv2.CAP_PROP_FPS)
    promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    step = 1.0 if fps is None or not own_fps > fps else own_fps / fps
    count = 0
    for frame in frames_of(capture, path, stop, step=step, announced=promised):
        count += not isinstance(frame, bytes)
        yield frame
    if promised > count and not stop.is_set():
        LOG.warning("%s ends after %d of the %d frames that it announces.", path, count, promised)


def frames_of(
    capture: cv2.VideoCapture, name: str, stop: Event, *, step: float = 1.0, announced: float = 0
) -> Iterator[Shot]:
    """Frames as RGB, no bytes for one that cannot be decoded, None for those between steps.

    Where there should be more, of those ``announced``, a frame that is not there is damaged, and the next is tried.
    """
    try:
        if not capture.isOpened():
            raise StreamError(f"Cannot open {name}. See that it is there, whole, and not in use by another program.")
        count, due, missing = 0, 0.0, 0
        while not stop.is_set():
            there = grab(capture)
            missing = 0 if there else missing + 1
            if not there and (count >= announced or missing > MOST_MISSING):
                return
            wanted = count >= due
            due += step if wanted else 0
            count += 1
            yield None if not wanted else retrieve(capture) if there else b""
    finally:
        capture.release()


def grab(capture: cv2.VideoCapture) -> bool:
    """Whether there is a next frame."""
    try:
        return capture.grab()
    except cv2.error:
        return False


def retrieve(capture: cv2.VideoCapture) -> NDArray[np.uint8] | bytes:
    """The frame that was grabbed."""
    try:
        good, frame = capture.retrieve()
    except cv2.error:
        return b""
    if not good or frame is None or frame.dtype != np.uint8:
        return b""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB if frame.ndim == 3 else cv2.COLOR_GRAY2RGB), np.uint8)
