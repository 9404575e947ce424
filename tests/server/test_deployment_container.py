"""The example's container and its manifest say what the server does."""

import io
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from microquart.server.settings import Settings
from tests.server.process import Process, command

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/11-microservice"
VERSIONS = ["1.30", "1.37"]  # the first with preStop.sleep, and the newest
DEFAULT_GRACE = 30


def documents() -> list[Any]:
    text = (EXAMPLE / "kubernetes.yaml").read_text()
    return list(yaml.safe_load_all(text))


@pytest.fixture
def pod() -> Any:
    """The specification of a pod of the deployment."""
    (deployment,) = [
        each for each in documents() if each["kind"] == "Deployment"
    ]
    return deployment["spec"]["template"]["spec"]


@pytest.fixture
def container(pod: Any) -> Any:
    (container,) = pod["containers"]
    return container


# -- Kubernetes --


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_manifest(version: str):
    validator = pytest.importorskip("kubernetes_validate")
    assert len(documents()) == 3
    for document in documents():
        validator.validate(document, version, strict=True)


def test_its_names_agree():
    deployment, service, budget = documents()
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels


def test_a_stop_takes_no_longer_than_kubernetes_waits(pod, container):
    own = tomllib.loads((EXAMPLE / "microquart.toml").read_text())
    settings = Settings().with_values(**own)
    stop = (
        container["lifecycle"]["preStop"]["sleep"]["seconds"]
        + settings.limits.stop_linger
        + settings.graceful_timeout
        + settings.cancel_timeout
        + settings.shutdown_timeout
    )
    assert stop == 28.5
    assert stop + 1 < pod["terminationGracePeriodSeconds"]


def test_a_start_may_take_as_long_as_the_server_lets_it(container):
    probe = container["startupProbe"]
    patience = probe["periodSeconds"] * probe["failureThreshold"]
    assert patience >= Settings().startup_timeout


def test_nothing_in_it_is_root_s(pod, container):
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


# -- the image --


@pytest.fixture
def instructions() -> list[tuple[str, str]]:
    """The lines of the Dockerfile, each a word and what follows."""
    parser = pytest.importorskip("dockerfile_parse").DockerfileParser(
        fileobj=io.BytesIO((EXAMPLE / "Dockerfile").read_bytes())
    )
    return [
        (each["instruction"], each["value"])
        for each in parser.structure
        if each["instruction"] != "COMMENT"
    ]


def the_last(instructions: list[tuple[str, str]], word: str) -> str:
    return [value for each, value in instructions if each == word][-1]


def test_the_first_process_is_the_server_and_not_root_s(instructions, pod):
    words = json.loads(the_last(instructions, "CMD"))
    assert words[:2] == ["microquart", "run"]
    assert "ENTRYPOINT" not in dict(instructions)
    user, _, group = the_last(instructions, "USER").partition(":")
    assert pod["securityContext"]["runAsUser"] == int(user) > 0
    assert pod["securityContext"]["runAsGroup"] == int(group) > 0


def test_image_and_manifest_agree_on_the_port(instructions, container):
    words = json.loads(the_last(instructions, "CMD"))
    port = int(the_last(instructions, "EXPOSE"))
    assert f"0.0.0.0:{port}" in words
    assert container["ports"] == [{"name": "http", "containerPort": port}]


def test_what_it_installs_is_there_to_be_had(instructions):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (own,) = re.findall(r'"\.\[(.*?)\]"', the_last(instructions, "RUN"))
    assert set(own.split(",")) <= project["optional-dependencies"].keys()
    assert "microquart" in project["scripts"]


def copy(instructions: list[tuple[str, str]], folder: Path) -> None:
    """Copy what the image has in its last folder."""
    where = ""
    for word, value in instructions:
        if word == "WORKDIR":
            where = value
        elif word == "COPY":
            *sources, target = value.split()
            for source in sources:
                path = ROOT / source
                assert path.exists()
                if where == "/service" and path.is_dir():
                    shutil.copytree(path, folder / target)
                elif where == "/service":
                    shutil.copy(path, folder / target)


@pytest.fixture
def server(instructions, tmp_path: Path) -> Iterator[Process]:
    """Run the image's command where its files are."""
    for name in ("sqlalchemy", "aiosqlite"):
        pytest.importorskip(name)
    copy(instructions, tmp_path)
    words = json.loads(the_last(instructions, "CMD"))[1:]
    words[words.index("--bind") + 1] = "127.0.0.1:0"
    url = f"sqlite+aiosqlite:///{tmp_path}/notes.db"
    with command(
        *(sys.executable, "-m", "microquart", *words),
        folder=tmp_path,
        NOTES_DATABASE_URL=url,
    ) as process:
        process.listening()
        yield process
        assert process.stop() == 0


@pytest.mark.slow
def test_the_command_serves_what_the_probes_ask(server, container):
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        get = container[kind]["httpGet"]
        assert get["port"] == container["ports"][0]["name"]
        url = f"http://127.0.0.1:{server.port}{get['path']}"
        assert httpx.get(url).status_code == 200
