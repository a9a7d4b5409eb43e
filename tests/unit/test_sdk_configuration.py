"""How a lone writer configures nothing, and what is said where something is missing."""

import json

import pytest

from lorekeeper.sdk import Client, ConfigurationError
from lorekeeper.sdk.configuration import Access, checked, from_environment, of_data_dir


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    for name in ("LOREKEEPER_URL", "LOREKEEPER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOREKEEPER_DATA_DIR", str(tmp_path))


@pytest.fixture
def running(tmp_path):
    (tmp_path / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:4242", "pid": 1}))
    (tmp_path / "admin.key").write_text("lk_admin_key\n")
    return tmp_path


def test_the_environment_goes_first(monkeypatch, running):
    monkeypatch.setenv("LOREKEEPER_URL", "https://lore.example/")
    monkeypatch.setenv("LOREKEEPER_API_KEY", "lk_x")
    assert from_environment() == Access("https://lore.example", "lk_x")


def test_without_it_the_server_of_the_default_data_folder_is_used(running):
    assert from_environment() == Access("http://127.0.0.1:4242", "lk_admin_key")


def test_a_key_alone_goes_to_the_local_server(monkeypatch, running):
    monkeypatch.setenv("LOREKEEPER_API_KEY", "lk_reader")
    assert from_environment() == Access("http://127.0.0.1:4242", "lk_reader")


def test_the_admin_key_is_never_sent_to_another_server(monkeypatch, running):
    monkeypatch.setenv("LOREKEEPER_URL", "https://elsewhere.example")
    with pytest.raises(ConfigurationError, match="LOREKEEPER_API_KEY is not"):
        from_environment()


def test_no_server_says_how_to_start_one(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no LoreKeeper server runs on .* `lorekeeper serve`"):
        Client.from_environment()


def test_no_key_says_so(running):
    (running / "admin.key").unlink()
    with pytest.raises(ConfigurationError, match="no admin key"):
        of_data_dir(running)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_damaged_server_file_says_so(running, text):
    (running / "server.json").write_text(text)
    with pytest.raises(ConfigurationError, match="is damaged"):
        of_data_dir(running)


@pytest.mark.parametrize("url", ["127.0.0.1:8420", "ftp://x", "http://", "lorekeeper"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ConfigurationError, match="not a server's URL"):
        checked(url, "lk_x")


@pytest.mark.parametrize("key", ["lk_ö", "lk x", "lk\n"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ConfigurationError, match="copied whole"):
        checked("http://localhost", key)


def test_the_key_is_not_in_the_representation():
    assert "secret" not in repr(Access("http://localhost", "lk_secret"))
