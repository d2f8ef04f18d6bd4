"""The use for which the release is optimised: it goes through, and says so when it does not."""

import os
import pathlib
import subprocess

import harness

TRAIN = pathlib.Path(__file__).resolve().parents[2] / "tools" / "dev" / "train.py"


def train(binary):
    environment = {**os.environ, "MINGA_BINARY": str(binary)}
    return subprocess.run([TRAIN, "--rounds", "1"], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_every_request_is_answered():
    trained = train(harness.binary())
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.startswith("8 clients of 1 rounds were answered"), trained.stdout


def test_a_server_that_refuses_does_not_train(tmp_path):
    lesser = tmp_path / "minga"
    lesser.write_text(f'#!/bin/sh\nexec "{harness.binary()}" "$@" --app hits\n', encoding="utf-8")
    lesser.chmod(0o755)
    trained = train(lesser)
    assert trained.returncode != 0
    assert "201 was expected" in trained.stderr, trained.stderr
