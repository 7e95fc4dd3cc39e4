"""Where the build finds llhttp."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading

import pytest

from build_support import llhttp


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """A checkout without llhttp, without a way to the index, on a system without the library."""
    (tmp_path / "build").mkdir()
    (tmp_path / "pkgconfig").mkdir()
    monkeypatch.setattr(llhttp, "ROOT", tmp_path)
    monkeypatch.setenv("PKG_CONFIG_PATH", "")
    monkeypatch.setenv("PKG_CONFIG_LIBDIR", str(tmp_path / "pkgconfig"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return tmp_path


@pytest.fixture
def sdist(monkeypatch):
    """An sdist with the files, which the pin is for."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name in llhttp.FILES:
            member = tarfile.TarInfo(llhttp.INSIDE + name)
            member.size = len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    monkeypatch.setattr(llhttp, "SHA256", hashlib.sha256(data.getvalue()).hexdigest())
    return data.getvalue()


def install(root, version):
    (root / "pkgconfig" / "libllhttp.pc").write_text(f"Name: llhttp\nDescription: -\nVersion: {version}\nLibs: -lllhttp\n")


@pytest.mark.parametrize("version", ["9.3", "9.4.3", "10.0"])
def test_a_library_that_is_installed_is_linked_with(root, version):
    install(root, version)
    assert llhttp.build_parts() == ([], [], ["libllhttp"])


def test_a_library_that_is_too_old_is_not(root, sdist):
    install(root, "9.2.1")
    (root / "build" / llhttp.SDIST).write_bytes(sdist)
    sources, include, packages = llhttp.build_parts()
    assert packages == []
    assert [(root / name).read_text() for name in sources] == ["src/api.c", "src/http.c", "src/llhttp.c"]
    assert (root / include[0] / "llhttp.h").exists()


def test_files_of_our_own_sdist_come_first(root):
    for name in llhttp.FILES:
        (root / "llhttp" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "llhttp" / name).touch()
    assert llhttp.folder() == root / "llhttp"
    assert llhttp.build_parts()[1:] == (["llhttp/include"], [])


def test_what_was_fetched_in_part_is_fetched_again(root, sdist):
    (root / "build" / llhttp.SDIST).write_bytes(sdist)
    part = root / "build" / f"llhttp-{llhttp.SHA256[:10]}"
    (part / "src").mkdir(parents=True)
    (part / "src" / "api.c").write_text("half")
    assert llhttp.folder() == part
    assert {name: (part / name).read_text() for name in llhttp.FILES} == {name: name for name in llhttp.FILES}
    assert sorted(path.name for path in part.parent.iterdir()) == sorted([llhttp.SDIST, part.name])


def test_an_index_that_pip_can_not_reach_is_asked_itself(root, sdist, monkeypatch):
    simple = root / "simple" / "httptools"
    simple.mkdir(parents=True)
    (simple / "index.html").write_text(f'<a href="httptools-0.1.tar.gz">old</a> <a href="{llhttp.SDIST}#sha256=x&amp;y">it</a>')
    (simple / llhttp.SDIST).write_bytes(sdist)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Handler, directory=root)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
            assert (llhttp.folder() / "src" / "llhttp.c").exists()
            (simple / "index.html").write_text("nothing")
            with pytest.raises(OSError, match=f"has no {llhttp.SDIST}"):
                llhttp.by_index(None)
        finally:
            server.shutdown()
            thread.join()


def test_where_it_can_not_be_had_the_build_says_what_to_do(root):
    (root / "build" / llhttp.SDIST).write_bytes(b"something else")
    with pytest.raises(SystemExit) as caught:
        llhttp.folder()
    said = str(caught.value)
    assert "its SHA-256 is " in said and "pip: ERROR" in said and "PIP_INDEX_URL names no index" in said
    assert "apt-get install libllhttp-dev" in said and f"put that file into {root / 'build'}" in said
