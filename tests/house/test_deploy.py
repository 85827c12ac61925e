"""What lies in deploy/ is understood by what it is for, as far as that is here, and fits the settings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from coterie.node import Home
from coterie.node.home import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CHART = DEPLOY / "helm" / "coterie"
TEMPLATES = sorted((CHART / "templates").glob("*.yaml"))
COMPOSE = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text(encoding="utf-8"))


def section(unit: Path, name: str) -> dict[str, list[str]]:
    """Values by key of one section of a unit."""
    text = unit.read_text(encoding="utf-8").partition(f"[{name}]\n")[2].partition("\n[")[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_knows_all_that_a_unit_says(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    text = unit.read_text(encoding="utf-8").replace("/opt/coterie/bin/coterie", shutil.which("true") or "")
    (tmp_path / unit.name).write_text(text)
    for check in (["verify", "--man=no"], ["security", "--offline=true", "--threshold=40"]):
        command = ["systemd-analyze", *check, str(tmp_path / unit.name)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (said.returncode, said.stderr.strip()) == (0, "")
    (tmp_path / unit.name).write_text(text.replace("UMask=", "UnMask="))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "UnMask" in said.stderr  # or nothing above would be noticed


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_keeps_the_node_to_itself_and_waits_until_it_is_ready(unit: Path) -> None:
    service = section(unit, "Service")
    wanted = {
        "Type": "notify",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
    }
    wanted |= {"User": "coterie", "UMask": "0077", "StateDirectoryMode": "0700", "Restart": "on-failure"}
    assert {key: service[key] for key in wanted} == {key: [value] for key, value in wanted.items()}
    # Bubblewrap makes namespaces, and mounts a /proc: nothing may be covered there.
    sandboxes = unit.name.startswith("coterie-sandbox")
    covers = {
        "RestrictNamespaces",
        "ProtectKernelTunables",
        "ProtectKernelLogs",
        "ProtectProc",
        "ProtectControlGroups",
    }
    assert covers & set(service) == (set() if sandboxes else covers)


def commands(name: str, home: Path) -> str:
    """What a service of the compose file runs, with another home, and without the node itself."""
    (text,) = COMPOSE["services"][name]["command"]
    made, last = re.subn(r"(?m)^exec coterie .* start$", "true", text), text.splitlines()[-1]
    assert made[1] == 1, last
    return made[0].replace("/var/lib/coterie", str(home)).replace("$$", "$")


@pytest.mark.parametrize("name", ["hub", "lender"])
def test_a_service_of_the_compose_file_makes_its_home_once(name: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for _ in range(2):
        subprocess.run(["/bin/sh", "-euc", commands(name, home)], check=True, env=environment, timeout=60)
    made = Home.open(home).settings
    assert (made.name, made.address) == (name, f"{name}:7300")
    assert made.role == ("hub" if name == "hub" else "node")


def test_services_of_the_compose_file_have_nothing_that_they_need_not() -> None:
    assert set(COMPOSE["services"]) == set(COMPOSE["volumes"]) == {"hub", "lender", "payments"}
    for name, service in COMPOSE["services"].items():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["hostname"] == name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["volumes"] == [f"{name}:/var/lib/coterie"]


def test_the_container_file_installs_by_digests_alone_and_finds_its_files() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip install[^&\n]*", text)
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert re.findall(r"(?m)^USER (.*)$", text) == ["10001:10001"]
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    sources = [word for line in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", text) for word in line.split()]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert any(
            source == one or fnmatch(source, f"{one}/*") or one.startswith(f"{source}/") for one in let_in
        )


def values() -> Any:
    return yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def test_settings_of_the_chart_are_settings_of_a_node() -> None:
    own = {"name": "lender", "listen": "0.0.0.0:7300", "role": values()["role"]}
    assert Settings.model_validate({**own, **values()["settings"]}).profile == "production"
    text = (CHART / "templates" / "settings.yaml").read_text(encoding="utf-8").partition("node.yaml: |")[2]
    assert set(re.findall(r"(?m)^    (\w+):", text)) <= set(Settings.model_fields)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_template_of_the_chart_names_values_that_are_there_and_is_yaml(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    for path in re.findall(r"\.Values((?:\.\w+)+)", text):
        at = values()
        for name in path.split(".")[1:]:
            assert name in at, path
            at = at[name]
    assert text.count("{{") == text.count("}}")
    opened = len(re.findall(r"\{\{-? (?:if|range|with|define) ", text))
    assert opened == len(re.findall(r"\{\{-? end ", text))
    # What is left without the lines of the template's own: placeholders in place of values.
    lines = [line for line in text.splitlines() if not re.fullmatch(r"\s*\{\{-.*\}\}", line)]
    document = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", "\n".join(lines)))
    assert {"apiVersion", "kind", "metadata"} <= set(document)


def test_the_pod_of_the_chart_is_nobody_and_asks_what_monitors_ask() -> None:
    text = (CHART / "templates" / "statefulset.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not re.fullmatch(r"\s*\{\{-.*\}\}", line)]
    pod = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", "\n".join(lines)))["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    probes = {
        name: probe["httpGet"] for name, probe in pod["containers"][0].items() if name.endswith("Probe")
    }
    assert {name: (probe["path"], probe["scheme"]) for name, probe in probes.items()} == {
        "startupProbe": ("/healthz", "HTTPS"),
        "livenessProbe": ("/healthz", "HTTPS"),
        "readinessProbe": ("/readyz", "HTTPS"),
    }
