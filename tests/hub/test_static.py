"""The addresses of the pages' files."""

import shutil

import pytest

from moorage.hub.pages import handlers

FOLDERS = ("hub/pages/static", "web")


@pytest.fixture
def package(tmp_path, monkeypatch):
    for folder in FOLDERS:
        shutil.copytree(handlers._PACKAGE / folder, tmp_path / folder)
    monkeypatch.setattr(handlers, "_PACKAGE", tmp_path)
    return tmp_path


def test_the_version_changes_with_each_of_the_files(package):
    version = handlers.version.__wrapped__
    seen = {version()}

    files = [file for folder in FOLDERS for file in (package / folder).iterdir()]
    for file in files:
        file.write_bytes(file.read_bytes() + b"\n")
        seen.add(version())

    assert len(seen) == len(files) + 1
