"""The addresses of the pages' files."""

import shutil

import pytest

from moorage.hub.pages import files

FOLDERS = ("hub/pages/static", "web")


@pytest.fixture
def package(tmp_path, monkeypatch):
    for folder in FOLDERS:
        shutil.copytree(files.PACKAGE / folder, tmp_path / folder)
    monkeypatch.setattr(files, "PACKAGE", tmp_path)
    return tmp_path


def test_the_version_changes_with_each_of_the_files(package):
    version = files.version.__wrapped__
    seen = {version()}

    changed = [file for folder in FOLDERS for file in (package / folder).rglob("*") if file.is_file()]
    for file in changed:
        file.write_bytes(file.read_bytes() + b"\n")
        seen.add(version())

    assert len(seen) == len(changed) + 1
