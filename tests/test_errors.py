"""What messages may show."""

from __future__ import annotations

import pytest

from crackwise.errors import without_secrets

SHOWN = {
    "http://camera.local/video": "http://camera.local/video",
    "http://admin:secret@camera.local/video": "http://camera.local/video",
    "rtsp://admin:p@ss@camera:554/1": "rtsp://camera:554/1",
    "http://admin:pa/ss@camera/video": "http://camera/video",
    "http://admin:pa?ss@camera/video": "http://camera/video",
    "http://admin:secret": "http://admin:…",
    "http://admin:secret/video": "http://admin:…/video",
    "http://camera:/a:b": "http://camera:/a:b",
    "http://[::1]:8080/?action=stream": "http://[::1]:8080/?action=…",
    "http://camera/video.cgi?user=admin&pwd=hunter2": "http://camera/video.cgi?user=…&pwd=…",
    "http://camera/?user=a@b.c&pwd=a/b=c&empty=&real": "http://camera/?user=…&pwd=…&empty=…&real",
    "rtsp://camera:554/user=admin&password=x&channel=1/live": "rtsp://camera:554/user=…&password=…&channel=…/live",
    "http://camera/a;pwd=hunter2": "http://camera/a;pwd=…",
    "films/a@b?c=d.mp4": "films/a@b?c=d.mp4",
    "": "",
}


@pytest.mark.parametrize("address", list(SHOWN))
def test_an_address_is_shown_without_its_secrets(address: str) -> None:
    assert without_secrets(address) == SHOWN[address]
