"""Package sources of this machine, passed on to the emulated Pi."""

from device_pi.internet import pip_conf, pip_settings


def lines(settings):
    return pip_conf(settings).splitlines()[2:]


def test_the_indexes_of_this_machine_are_those_of_the_device():
    settings = {"index-url": "https://index.example/simple", "default-timeout": "180"}
    assert lines(settings) == ["index-url = https://index.example/simple", "default-timeout = 180"]


def test_folders_of_this_machine_are_not():
    wheels = {"find-links": "/here", "cert": "/here/ca.pem", "extra-index-url": "file:///here"}
    assert lines(wheels) == []
    both = {"extra-index-url": "file:///here https://more.example/simple"}
    assert lines(both) == ["extra-index-url = https://more.example/simple"]


def test_the_environment_goes_before_the_files_as_in_pip(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "pip.conf").write_text("[global]\nretries = 7\nproxy = http://of.file:1\n")
    monkeypatch.setenv("PIP_PROXY", "http://of.environment:1")
    settings = pip_settings()
    assert (settings["retries"], settings["proxy"]) == ("7", "http://of.environment:1")
