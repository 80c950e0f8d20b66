# SPDX-License-Identifier: MIT
import contextlib
import os
import re
import stat
import threading
import tracemalloc

import pytest

from nbsim import read_smv
from nbsim.command.main import main
from nbsim.errors import FileError
from nbsim.formats import files, unfinished
from nbsim.formats.files import open_input, read_bytes, replace_when_complete

root_may_write_anywhere = pytest.mark.skipif(
    os.geteuid() == 0, reason="permissions do not stop root"
)


def test_new_file_appears_at_the_end(tmp_path):
    target = tmp_path / "new.bin"
    with replace_when_complete(target) as stream:
        stream.write(b"abc")
        assert not target.exists()
    assert target.read_bytes() == b"abc"
    assert os.listdir(tmp_path) == ["new.bin"]


def test_bare_name_goes_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with replace_when_complete("bare.bin") as stream:
        stream.write(b"abc")
    assert (tmp_path / "bare.bin").read_bytes() == b"abc"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_interruption_leaves_the_old_file(tmp_path, interruption):
    target = tmp_path / "old.bin"
    target.write_bytes(b"old")
    with pytest.raises(interruption):
        with replace_when_complete(target) as stream:
            stream.write(b"new")
            raise interruption
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.bin"]


@pytest.mark.parametrize(
    "umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)]
)
def test_new_file_obeys_the_umask(tmp_path, umask, mode):
    target = tmp_path / "new.bin"
    before = os.umask(umask)
    try:
        with replace_when_complete(target) as stream:
            stream.write(b"abc")
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_replaced_file_keeps_its_permissions(tmp_path):
    target = tmp_path / "old.bin"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with replace_when_complete(target) as stream:
        stream.write(b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_link_is_followed(tmp_path):
    real, link = tmp_path / "real.bin", tmp_path / "link.bin"
    real.write_bytes(b"old")
    link.symlink_to(real)
    with replace_when_complete(link) as stream:
        stream.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_missing_folder(tmp_path):
    target = tmp_path / "absent" / "x.img"
    message = f"cannot write {target}: the folder {target.parent} does not exist"
    with pytest.raises(FileError, match=f"^{re.escape(message)}$"):
        with replace_when_complete(target):
            pytest.fail("must not get here")


def test_folder_as_target(tmp_path):
    with pytest.raises(FileError, match="it is a folder"):
        with replace_when_complete(tmp_path):
            pytest.fail("must not get here")


@root_may_write_anywhere
def test_protected_folder_and_file(tmp_path):
    target = tmp_path / "old.bin"
    target.write_bytes(b"old")
    target.chmod(0o444)
    with pytest.raises(FileError, match=f"cannot write {target}: permission denied"):
        with replace_when_complete(target):
            pytest.fail("must not get here")
    tmp_path.chmod(0o555)
    with pytest.raises(FileError, match="permission denied"):
        with replace_when_complete(tmp_path / "new.bin"):
            pytest.fail("must not get here")


def test_full_disk_is_one_sentence():
    with pytest.raises(
        FileError, match="^cannot write /dev/full: no space left on device$"
    ):
        with replace_when_complete("/dev/full") as stream:
            stream.write(b"abc")


def test_full_disk_leaves_the_old_file(tmp_path):
    target = tmp_path / "old.bin"
    target.write_bytes(b"old")
    with pytest.raises(FileError, match=f"cannot write {target}: no space"):
        with replace_when_complete(target), open("/dev/full", "wb", 0) as full:
            full.write(b"abc")  # the error of a write has no file name
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.bin"]


def test_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        with replace_when_complete(tmp_path / "x.bin"):
            open(tmp_path / "other.bin", "rb")
    assert caught.value.filename == str(tmp_path / "other.bin")
    assert os.listdir(tmp_path) == []


def test_device_is_written_directly():
    with replace_when_complete("/dev/null") as stream:
        stream.write(b"abc")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_pipe_is_written_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with replace_when_complete(pipe) as stream:
        stream.write(b"abc")
    reader.join(timeout=10)
    assert received == [b"abc"]
    assert os.listdir(tmp_path) == ["pipe"]


def test_open_stream_is_not_replaced(tmp_path):
    with open(tmp_path / "log", "wb") as log:
        inode = os.fstat(log.fileno()).st_ino
        with replace_when_complete(f"/dev/fd/{log.fileno()}") as stream:
            stream.write(b"abc")
    assert os.stat(tmp_path / "log").st_ino == inode
    assert (tmp_path / "log").read_bytes() == b"abc"


def test_read_bytes(tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes(b"abc")
    assert read_bytes(path, "matrix file") == b"abc"


@pytest.mark.parametrize(
    "name, ending",
    [("absent", "there is no such file"), ("folder", "it is a folder")],
)
def test_unreadable_input(tmp_path, name, ending):
    (tmp_path / "folder").mkdir()
    path = tmp_path / name
    for reader in (read_bytes, open_input):
        message = f"cannot read matrix file {path}: {ending}"
        with pytest.raises(FileError, match=f"^{re.escape(message)}$"):
            reader(path, "matrix file")


def test_empty_input(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    with pytest.raises(
        FileError, match=f"^matrix file {re.escape(str(path))} is empty$"
    ):
        read_bytes(path, "matrix file")


@root_may_write_anywhere
def test_input_without_permission(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"abc")
    path.chmod(0)
    with pytest.raises(FileError, match="permission denied"):
        read_bytes(path, "matrix file")


def test_error_while_reading(tmp_path):
    # /proc/self/mem opens, but its first page cannot be read.
    with pytest.raises(FileError, match="cannot read matrix file /proc/self/mem"):
        read_bytes("/proc/self/mem", "matrix file")


@pytest.mark.parametrize("option", ["mat", "img", "mask", "sourcefile", "stol", "hkl"])
@pytest.mark.parametrize("kind", ["endless", "sparse"])
def test_readers_stop_at_a_sane_size(tmp_path, monkeypatch, capsys, option, kind):
    monkeypatch.chdir(tmp_path)
    path = "/dev/zero"
    if kind == "sparse":
        path = "sparse.file"
        with open(path, "wb") as stream:
            stream.truncate(1 << 40)
    tracemalloc.start()
    line = f"-cell 70 -default_F 100 -N 5 -detpixels 8 -{option} {path}"
    assert main(line.split()) == 1
    assert tracemalloc.get_traced_memory()[1] < 2**30
    tracemalloc.stop()
    message = capsys.readouterr().err
    assert path in message and "internal" not in message


def test_pixels_that_do_not_fit(tmp_path, monkeypatch):
    """The size is known from the header, before anything is read."""
    path = tmp_path / "large.img"
    header = (
        "{\nHEADER_BYTES=512;\nSIZE1=900000;\nSIZE2=900000;\nTYPE=unsigned_short;\n"
    )
    header += "BYTE_ORDER=little_endian;\n}"
    path.write_bytes(header.ljust(512).encode())
    with pytest.raises(FileError, match="large.img: 900000 x 900000 pixels need"):
        read_smv(path)


@pytest.mark.parametrize(
    "option",
    "floatfile intfile tifffile pgmfile noisefile preview preview_noise".split(),
)
def test_dev_null_takes_every_format(tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    line = f"-cell 70 -default_F 100 -N 5 -detpixels 8 -device cpu -{option} /dev/null"
    assert main(line.split()) == 0


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_names_are_given_together_or_not_at_all(failing, tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("old.bin", "new.bin", "other.bin")]
    paths[0].write_text("before")
    paths[2].write_text("before, too")
    replace, count = os.replace, [0]

    def replaced(source, target):
        if str(target) in map(str, paths):
            count[0] += 1
            if count[0] == failing + 1:
                raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", replaced)
    with pytest.raises(FileError, match=f"cannot write {paths[2 - failing]}: no space"):
        with contextlib.ExitStack() as stack:
            for path in paths:
                stream = stack.enter_context(files.replace_when_complete(path))
                stream.write(b"after")
            with unfinished.together():
                stack.close()
    monkeypatch.undo()
    assert sorted(os.listdir(tmp_path)) == ["old.bin", "other.bin"]
    assert paths[0].read_text() == "before"
    assert paths[2].read_text() == "before, too"
    with contextlib.ExitStack() as stack:
        for path in paths:
            stack.enter_context(files.replace_when_complete(path)).write(b"after")
        with unfinished.together():
            stack.close()
    assert [path.read_text() for path in paths] == ["after"] * 3
    assert len(os.listdir(tmp_path)) == 3
