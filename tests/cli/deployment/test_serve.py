"""What `crackwise serve` refuses before it listens, and whose token it takes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crackwise.cli import main
from crackwise.cli.deployment.serve import read_token
from crackwise.errors import CrackwiseError


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["absent.onnx"], 1, "No model at 'absent.onnx'"),
        (["--host", "999.1.1.1"], 1, "Cannot listen on 999.1.1.1"),
        (["--token-file", "absent"], 1, "Cannot read the token in 'absent'"),
        (["--port", "70000"], 2, "--port"),
        (["--workers", "0"], 2, "--workers"),
        (["--max-body", "0"], 2, "--max-body"),
        (["--timeout", "-1"], 2, "--timeout"),
        (["--queue", "-1"], 2, "--queue"),
    ],
)
def test_what_cannot_be_served_is_told_in_words(
    arguments: list[str], status: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi")
    monkeypatch.setattr(sys, "argv", ["crackwise", "serve", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    assert words in capsys.readouterr().err


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRACKWISE_TOKEN", raising=False)
    assert read_token(None) is None
    monkeypatch.setenv("CRACKWISE_TOKEN", "one")
    assert read_token(None) == "one"
    (tmp_path / "token").write_text("two\n")
    assert read_token(tmp_path / "token") == "two"


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"\xff", b"a\nb", "ü".encode()])
def test_a_token_is_one_word(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(CrackwiseError, match="token"):
        read_token(tmp_path / "token")
