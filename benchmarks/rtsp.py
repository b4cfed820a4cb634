"""An RTSP camera in place of an MJPEG one: sends on what ``drive.py`` shows, as H.264 over RTSP.

    apt-get install --no-install-recommends python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-rtsp \\
        gstreamer1.0-plugins-{base,good,ugly}                              # Debian
    python benchmarks/drive.py --port 8081 &
    /usr/bin/python3 benchmarks/rtsp.py [--mjpeg http://127.0.0.1:8081/] [--port 8554] [--fps 10]
    crackwise watch rtsp://127.0.0.1:8554/wall

It is GStreamer's own server: one end is not ours. Kill it and start it again: a stream that dies and returns.
"""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

LAUNCH = (
    "( souphttpsrc location={url} is-live=true do-timestamp=true ! multipartdemux ! jpegdec ! videorate ! videoconvert "
    "! video/x-raw,format=I420,framerate={fps}/1 ! x264enc tune=zerolatency bitrate=4000 key-int-max=30 "
    "! rtph264pay name=pay0 pt=96 config-interval=1 )"
)


def main() -> None:
    """Serve until interrupted."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mjpeg", default="http://127.0.0.1:8081/")
    options.add_argument("--fps", type=int, default=10)
    options.add_argument("--port", type=int, default=8554)
    given = options.parse_args()
    Gst.init(None)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.format(url=given.mjpeg, fps=given.fps))
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer()
    server.set_service(str(given.port))
    server.get_mount_points().add_factory("/wall", factory)
    server.attach(None)
    print(f"rtsp://127.0.0.1:{given.port}/wall", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
