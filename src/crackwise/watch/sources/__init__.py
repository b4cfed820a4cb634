"""Where pictures come from: cameras, films, streams over HTTP and RTSP, folders."""
