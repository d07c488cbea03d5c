"""The commands ``explain`` and ``top``: what they print, to where, and their exit codes."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_cluster import FakeCluster
from operator_samples import NOW

from modelservice_operator import __main__ as program
from modelservice_operator import commands
from modelservice_operator.adapters.asking import AskedServices, ProxiedFigures, UrlFigures
from modelservice_operator.api import names
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.command_line import make_parser
from modelservice_operator.commands import NO_SUCH_SERVICE, NOT_ANSWERED, TOLD
from modelservice_operator.telemetry import OperatorTelemetry

KEY = ServiceKey("demo", "tiny")
OFFERED = (
    "# TYPE modelservice_offered_rows_per_second gauge\n"
    'modelservice_offered_rows_per_second{namespace="demo",name="tiny"} 42.5\n'
)
Capsys = pytest.CaptureFixture[str]


class Figures:
    """FiguresPort: the text, or the error."""

    def __init__(self, answer: str | UnavailableError = OFFERED) -> None:
        self.answer = answer

    async def read(self) -> str:
        """What it was given."""
        if isinstance(self.answer, UnavailableError):
            raise self.answer
        return self.answer


class NoServices:
    """ServicesPort that may not be read; ``asked`` counts."""

    def __init__(self) -> None:
        self.asked = 0

    async def read_service(self, key: ServiceKey) -> Mapping[str, Any] | None:
        """Refused."""
        raise UnavailableError(f"403 modelservices {key.name} is forbidden")

    async def read_services(self, namespace: str) -> list[Mapping[str, Any]]:
        """Refused, too."""
        self.asked += 1
        raise UnavailableError(f"403 modelservices in {namespace!r} is forbidden")


def cluster(*keys: ServiceKey) -> FakeCluster:
    """A cluster with services that have no status yet."""
    fake = FakeCluster(NOW)
    for key in keys:
        fake.add({"kind": names.KIND, "metadata": key._asdict(), "spec": {}})
    return fake


# --- what is told ---------------------------------------------------------------------------------


def test_one_service_is_explained(capsys: Capsys) -> None:
    code = asyncio.run(commands.explain_one(cluster(KEY), Figures(), KEY))
    told = capsys.readouterr()
    assert code == TOLD
    assert "demo/tiny: no goal yet" in told.out
    assert "42.5 rows/s" in told.out
    assert told.err == ""


def test_a_service_that_is_not_there_is_named(capsys: Capsys) -> None:
    code = asyncio.run(commands.explain_one(cluster(), Figures(), KEY))
    told = capsys.readouterr()
    assert code == NO_SUCH_SERVICE
    assert "there is no ModelService tiny in namespace demo" in told.err
    assert told.out == ""


def test_a_right_that_is_missing_is_said(capsys: Capsys) -> None:
    assert asyncio.run(commands.explain_one(NoServices(), Figures(), KEY)) == NOT_ANSWERED
    assert asyncio.run(commands.show_all(NoServices(), Figures(), "demo")) == NOT_ANSWERED
    told = capsys.readouterr()
    assert told.err.count("is forbidden") == 2
    assert told.out == ""


def test_all_services_or_those_of_one_namespace_are_in_the_table(capsys: Capsys) -> None:
    other = ServiceKey("prod", "chat")
    for namespace, expected in (("", [KEY, other]), ("prod", [other]), ("empty", [])):
        code = asyncio.run(commands.show_all(cluster(KEY, other), Figures(), namespace))
        out = capsys.readouterr().out
        assert code == TOLD
        assert [key for key in (KEY, other) if key.name in out] == expected


@pytest.mark.parametrize(
    "figures",
    [Figures(UnavailableError("403 services/proxy is forbidden")), Figures("<html>502</html>")],
)
def test_without_figures_status_is_shown_and_one_line_says_why(
    figures: Figures, capsys: Capsys
) -> None:
    assert asyncio.run(commands.show_all(cluster(KEY), figures, "")) == TOLD
    assert asyncio.run(commands.explain_one(cluster(KEY), figures, KEY)) == TOLD
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("demo") and "tiny" in line for line in lines)
    missing = [line for line in lines if line.startswith("load and GPUs are not shown: ")]
    assert len(missing) == 2
    assert "502" in missing[0] or "forbidden" in missing[0]


def test_a_table_that_refreshes_goes_on_after_an_error() -> None:
    async def run() -> int:
        services = NoServices()
        watching = asyncio.create_task(commands.show_all(services, Figures(), "", 0.001))
        async with asyncio.timeout(10):
            while services.asked < 3:  # noqa: ASYNC110 - the table has no event for a refresh
                await asyncio.sleep(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return services.asked

    assert asyncio.run(run()) >= 3


# --- where it comes from --------------------------------------------------------------------------


class ApiServer:
    """Reads: the answers by path; every other path holds nothing."""

    def __init__(self, **answers: object) -> None:
        self.answers = {urllib.parse.unquote(path): answer for path, answer in answers.items()}
        self.queries: list[Mapping[str, str] | None] = []

    async def read(self, path: str, query: Mapping[str, str] | None = None) -> bytes | None:
        """What is at the path."""
        self.queries.append(query)
        answer = self.answers.get(path)
        return (
            answer if answer is None or isinstance(answer, bytes) else json.dumps(answer).encode()
        )


OPERATORS = "/api/v1/namespaces/ops/services"
PROXY = f"{OPERATORS}/release-modelservice-operator:metrics/proxy/metrics"
ITS_SERVICE = {"items": [{"metadata": {"name": "release-modelservice-operator"}}]}


def test_the_operator_is_found_by_its_labels_whatever_its_release_is_called() -> None:
    server = ApiServer(**{OPERATORS: ITS_SERVICE, PROXY: OFFERED.encode()})
    assert asyncio.run(ProxiedFigures(server, "ops").read()) == OFFERED
    selector = (server.queries[0] or {})["labelSelector"]
    assert "app.kubernetes.io/component=operator" in selector


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "there is no operator in namespace ops"),
        ({OPERATORS: {"items": []}}, "--operator-namespace"),
        ({OPERATORS: ITS_SERVICE}, "tells no metrics"),
        ({OPERATORS: b"<html>"}, "no JSON"),
        ({OPERATORS: [1]}, "no object"),
    ],
)
def test_an_operator_that_cannot_be_asked_is_said(
    answers: Mapping[str, object], words: str
) -> None:
    with pytest.raises(UnavailableError, match=words):
        asyncio.run(ProxiedFigures(ApiServer(**answers), "ops").read())


def test_services_are_read_from_the_api_server() -> None:
    item = {"metadata": KEY._asdict()}
    path = "/apis/modelservice.dev/v1alpha1"
    server = ApiServer(
        **{
            f"{path}/modelservices": {"items": [item]},
            f"{path}/namespaces/demo/modelservices": {"items": []},
            f"{path}/namespaces/demo/modelservices/tiny": item,
        }
    )
    services = AskedServices(server)
    assert asyncio.run(services.read_services("")) == [item]
    assert asyncio.run(services.read_services("demo")) == []
    assert asyncio.run(services.read_service(KEY)) == item
    assert asyncio.run(services.read_service(ServiceKey("demo", "other"))) is None


def test_a_cluster_without_the_definition_is_told_to_install_it() -> None:
    with pytest.raises(UnavailableError, match="install the chart first"):
        asyncio.run(AskedServices(ApiServer()).read_services(""))


@asynccontextmanager
async def serving(text: str, status: int = 200) -> AsyncIterator[str]:
    """An address that answers so."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/metrics"
    finally:
        await runner.cleanup()


def test_an_address_is_read_as_it_is() -> None:
    async def run() -> str:
        async with serving(OFFERED) as url:
            return await UrlFigures(url).read()

    assert asyncio.run(run()) == OFFERED


def test_an_address_that_answers_an_error_or_not_at_all_is_said() -> None:
    async def run() -> None:
        async with serving("gone", status=503) as url:
            await UrlFigures(url).read()

    for failing in (
        run(),
        UrlFigures("http://127.0.0.1:1/metrics").read(),
        UrlFigures("x://").read(),
    ):
        with pytest.raises(UnavailableError):
            asyncio.run(failing)


# --- the command line -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "explain",
        "top extra",
        "top --watch 0",
        "top --watch soon",
        "top --watch nan",
        "top --metrics-url localhost:9090",
        "nothing",
        "",
    ],
)
def test_a_wrong_command_ends_with_2(line: str, capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser(settings="", settings_words="").parse_args(line.split())
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "explain", "top"])
def test_every_command_explains_itself(command: str, capsys: Capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main([command, "--help"])
    assert ended.value.code == 0
    assert f"modelservice-operator {command}" in capsys.readouterr().out


@pytest.mark.parametrize("kubeconfig", [None, "", "{broken", "\udcff", "contexts: 3"])
def test_without_a_usable_kubeconfig_there_is_no_cluster(
    kubeconfig: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    file = tmp_path / "kubeconfig"
    if kubeconfig is not None:
        file.write_bytes(kubeconfig.encode(errors="surrogateescape"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    assert program.main(["top"]) == NOT_ANSWERED
    assert "there is no cluster to ask" in capsys.readouterr().err


def test_the_whole_way_with_a_kubeconfig_and_an_api_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    """The operator's own answer, through a proxy's path, by the namespace of the context."""
    telemetry = OperatorTelemetry(limit_seconds=60)

    async def services(_: web.Request) -> web.Response:
        return web.json_response({"metadata": KEY._asdict(), "status": {"goal": "p99 ≤ 5 ms"}})

    async def operators(_: web.Request) -> web.Response:
        return web.json_response(ITS_SERVICE)

    async def run() -> int:
        app = web.Application()
        base = "/apis/modelservice.dev/v1alpha1/namespaces/demo/modelservices"
        app.router.add_get(f"{base}/tiny", services)
        app.router.add_get("/api/v1/namespaces/modelservice-system/services", operators)
        proxy = PROXY.replace("/ops/", "/modelservice-system/")
        app.router.add_get(proxy, telemetry._metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            file = tmp_path / "kubeconfig"
            file.write_text(_kubeconfig(f"http://127.0.0.1:{runner.addresses[0][1]}"))
            location = "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
            monkeypatch.setattr(location, str(file))
            monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
            options = make_parser(settings="", settings_words="").parse_args(["explain", "tiny"])
            return await program._ask(options)
        finally:
            await runner.cleanup()

    assert asyncio.run(run()) == TOLD
    out = capsys.readouterr().out
    assert "demo/tiny: p99 ≤ 5 ms" in out
    assert "not shown" not in out


def _kubeconfig(server: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [
                {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "demo"}}
            ],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        }
    )
