"""packaging/kubernetes: rendered, held against the schemas, and against the service that it is for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from muxboard.config.values import Duration
from muxboard.web import poll
from tests.rig.cache import checkov
from tests.rig.ports import free_ports
from tests.rig.service import CHECKOUT, local_host

FOLDER = CHECKOUT / "packaging" / "kubernetes"
PAGE = (CHECKOUT / "docs" / "kubernetes.md").read_text()
BESIDE = Path(sys.executable).parent
OVERLAYS = ("single", "replicas")
VERSIONS = ("1.29", "1.34", "1.37")  # the first with sidecars, and what came since
CHECKOV = checkov()
# What checkov asks for and is not so, on purpose: each must still be found, or it goes from here.
MEANT = {
    "CKV_K8S_35": "MUXBOARD_REGISTRY_URL and oauth2-proxy's sessions are read from the environment alone",
    "CKV_K8S_43": "a digest is the operator's, who knows the registry",
}
ROOM_S = 10  # what is left of the grace period when all has gone as it should
LEAST_PROXY = (7, 15, 2)
# What the tested oauth2-proxy.cfg says otherwise, for it is on a machine and not in a pod.
IN_A_POD = {"http_address", "client_secret_file", "cookie_secret_file"}
ADDED = {"reverse_proxy", "proxy_websockets", "upstream_timeout", "flush_interval", "silence_ping_logging"}
NEVER = ("ping_user_agent", "gcp_healthchecks", "skip_jwt_bearer_tokens", "ssl_insecure_skip_verify")


def run(command, folder):
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=100
    )


def render(overlay):
    done = run([BESIDE / "kubectl", "kustomize", FOLDER / "overlays" / overlay], FOLDER)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


class Rendered:
    """What would be applied."""

    def __init__(self, overlay):
        self.text = render(overlay)
        self.all = list(yaml.safe_load_all(self.text))

    def one(self, kind):
        (found,) = (each for each in self.all if each["kind"] == kind)
        return found

    @property
    def pod(self):
        return self.one("Deployment")["spec"]["template"]["spec"]

    @property
    def proxy(self):
        (container,) = self.pod["initContainers"]
        return container

    @property
    def muxboard(self):
        (container,) = self.pod["containers"]
        return container

    def file(self, name):
        """What a configuration map holds under a name."""
        (found,) = (each["data"][name] for each in self.all if name in each.get("data", {}))
        return found

    @property
    def config(self):
        return tomllib.loads(self.file("muxboard.toml"))

    @property
    def cfg(self):
        return tomllib.loads(self.file("oauth2-proxy.cfg"))

    def ports(self):
        return {
            port["name"]: port["containerPort"]
            for container in (self.proxy, self.muxboard)
            for port in container["ports"]
        }


@pytest.fixture(scope="module", params=OVERLAYS)
def rendered(request):
    return Rendered(request.param)


def test_they_are_valid_for_each_version(rendered):
    kinds = set()
    for each in rendered.all:
        if each["kind"] == "HTTPRoute":  # of the Gateway API, which has versions of its own
            continue
        kinds.add(each["kind"])
        for version in VERSIONS:
            kubernetes_validate.validate(each, version, strict=True)
    assert kinds >= {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"}


def test_a_slip_of_the_pen_is_not_valid():
    deployment = Rendered("single").one("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readinessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_checkov_finds_what_is_meant_and_nothing_else(tmp_path):
    for overlay in OVERLAYS:
        (tmp_path / f"{overlay}.yaml").write_text(render(overlay))
    options = ["--framework", "kubernetes", "--output", "json", "--skip-download"]
    done = run([CHECKOV, "--directory", tmp_path, *options], tmp_path)
    found = json.loads(done.stdout)
    assert found["summary"]["passed"] > 100, done.stderr
    failed = {check["check_id"]: check["check_name"] for check in found["results"]["failed_checks"]}
    assert {number: name for number, name in failed.items() if number not in MEANT} == {}
    assert failed.keys() == MEANT.keys()


def test_what_is_meant_is_said_on_the_page():
    for number in MEANT:
        assert number in PAGE


def test_the_service_takes_its_file(rendered, tmp_path):
    file = tmp_path / "muxboard.toml"
    file.write_text(rendered.file("muxboard.toml"))
    command = [sys.executable, "-m", "muxboard", "check", "--offline", "--json", "-c", str(file)]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    weak = {each["path"] for each in json.loads(done.stdout)["weak"]}
    # Behind the network policy, and in the pod's log, as the page says.
    assert weak == {"server.metrics_bind", "audit.path"}


def test_each_port_is_where_the_next_one_looks_for_it(rendered):
    ports, config, cfg = rendered.ports(), rendered.config["server"], rendered.cfg
    assert config["bind"].startswith("127.0.0.1:")
    assert cfg["upstreams"] == [f"http://{config['bind']}/"]
    assert cfg["http_address"] == f"0.0.0.0:{ports['proxy']}"
    assert config["metrics_bind"] == f"0.0.0.0:{ports['health']}"
    (port,) = rendered.one("Service")["spec"]["ports"]
    assert port["targetPort"] == "proxy"
    for rule in rendered.one("NetworkPolicy")["spec"]["ingress"]:
        assert {each["port"] for each in rule["ports"]} <= ports.keys()
    annotations = rendered.one("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports["health"])


def test_people_come_in_by_the_name_that_all_of_it_knows(rendered):
    (way,) = (each for each in rendered.all if each["kind"] in {"Ingress", "HTTPRoute"})
    service = rendered.one("Service")
    if way["kind"] == "Ingress":
        (rule,) = way["spec"]["rules"]
        host, backend = rule["host"], rule["http"]["paths"][0]["backend"]["service"]
        assert way["spec"]["tls"][0]["hosts"] == [host]
        assert backend["port"]["name"] == service["spec"]["ports"][0]["name"]
    else:
        (host,) = way["spec"]["hostnames"]
        (backend,) = way["spec"]["rules"][0]["backendRefs"]
        assert way["apiVersion"] == "gateway.networking.k8s.io/v1"
        assert way["spec"]["rules"][0]["timeouts"] == {"request": "0s", "backendRequest": "0s"}
        assert backend["port"] == service["spec"]["ports"][0]["port"]
    assert backend["name"] == service["metadata"]["name"]
    assert rendered.config["server"]["public_url"] == f"https://{host}/"
    assert rendered.cfg["redirect_url"] == f"https://{host}/oauth2/callback"


def test_both_ways_in_are_used():
    kinds = {each["kind"] for overlay in OVERLAYS for each in Rendered(overlay).all}
    assert kinds >= {"Ingress", "HTTPRoute"}


def test_the_probes_are_answered_by_the_service(start_service):
    rendered = Rendered("single")
    config = rendered.config
    (port,) = free_ports(1)
    # On loopback, and with nobody else's machines; the rest is as it is given.
    config["server"] |= {"metrics_bind": f"127.0.0.1:{port}", "public_url": "http://localhost:1/"}
    config["server"] |= {"bind": "127.0.0.1:0"}
    config["auth"]["jwt"][0]["jwks_url"] = f"http://127.0.0.1:{free_ports(1)[0]}/jwks"
    config["hosts"] = [local_host()]
    service = start_service(config, token=None)
    assert service.printed_url
    container = rendered.muxboard
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {"health"}
    for probe in probes.values():
        assert asked(port, probe["path"]) == 200
    assert asked(port, "/ready") in {404, 421}, "it does not say yes to everything"
    assert probes["readiness"]["path"] != probes["liveness"]["path"], "draining is no reason to be killed"


def asked(port, path):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": "10.1.2.3"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_no_probe_of_the_proxy_asks_redis(rendered):
    """Its ``/ready`` does: with Redis away every replica would be out at once, and so every open terminal."""
    proxy = rendered.proxy
    probes = [proxy[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert [probe["path"] for probe in probes] == ["/ping"] * 3
    assert {probe["port"] for probe in probes} == {"proxy"}
    moved = [key for key in rendered.cfg if key.startswith(("ping_", "ready_"))]
    moved += [word for word in proxy["args"] if word.startswith(("--ping-", "--ready-"))]
    assert moved == [], "and nothing puts another thing there"


def test_there_is_time_for_an_end_in_order(rendered):
    (_, wait) = rendered.muxboard["lifecycle"]["preStop"]["exec"]["command"]
    drain = Duration.parse(rendered.config["server"]["drain"])
    assert rendered.pod["terminationGracePeriodSeconds"] >= int(wait) + drain + ROOM_S
    probe = rendered.muxboard["readinessProbe"]
    assert int(wait) >= 5, "for the endpoint to be gone everywhere"
    assert probe["timeoutSeconds"] <= probe["periodSeconds"]
    # The way in outlives the service: as a sidecar it is ended after it.
    assert rendered.proxy["restartPolicy"] == "Always"


def test_the_proxy_waits_longer_than_a_poll_is_held(rendered):
    assert Duration.parse(rendered.cfg["upstream_timeout"]) >= poll.MOST_WAIT_S + ROOM_S


def test_the_proxy_is_set_as_the_one_that_is_tried(rendered):
    tested = tomllib.loads((CHECKOUT / "packaging" / "proxies" / "oauth2-proxy.cfg").read_text())
    cfg = rendered.cfg
    assert {key for key in tested if cfg.get(key) != tested[key]} == IN_A_POD
    assert cfg.keys() - tested.keys() == ADDED
    assert [key for key in NEVER if key in cfg] == []
    version = re.fullmatch(r".+:v(\d+)\.(\d+)\.(\d+)", rendered.proxy["image"])
    assert tuple(int(number) for number in version.groups()) >= LEAST_PROXY
    assert any(word.startswith("--trusted-proxy-ip=") for word in rendered.proxy["args"])


def test_the_files_that_are_named_are_mounted(rendered):
    volumes = {volume["name"]: volume for volume in rendered.pod["volumes"]}
    mounts = {
        mount["mountPath"]: (container, volumes[mount["name"]])
        for container in (rendered.proxy, rendered.muxboard)
        for mount in container["volumeMounts"]
    }
    ssh, cfg = rendered.config["ssh"], rendered.cfg
    for file in (ssh["key_file"], *ssh["known_hosts"], cfg["client_secret_file"], cfg["cookie_secret_file"]):
        _, volume = mounts[str(Path(file).parent)]
        if "configMap" in volume:
            assert rendered.file(Path(file).name)
        else:
            assert volume["secret"]["defaultMode"] == 0o440, "whoever is in fsGroup, and nobody else"
    (config,) = (word.partition("=")[2] for word in rendered.proxy["args"] if word.startswith("--config="))
    assert mounts[str(Path(config).parent)][1]["configMap"]["name"].startswith("oauth2-proxy-")
    assert mounts["/etc/muxboard"][1]["configMap"]["name"].startswith("muxboard-")
    assert mounts["/tmp"][1]["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}


def test_secrets_are_references_that_the_page_says_how_to_make(rendered):
    assert [each for each in rendered.all if each["kind"] == "Secret"] == []
    named = set(re.findall(r"secret(?:Name|KeyRef):\s*(?:key: \S+\s*name: )?(\S+)", rendered.text))
    assert named >= {"muxboard-ssh", "muxboard-oauth2-proxy"}
    for name in named:
        assert f"create secret generic {name}" in PAGE or f"create secret tls {name}" in PAGE, name


def test_nobody_may_do_more_than_they_need(rendered):
    pod = rendered.pod
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001  # of the image's passwd
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in (rendered.proxy, rendered.muxboard):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"].keys() == {"requests", "limits"}
        assert all(mount["readOnly"] for mount in container["volumeMounts"] if mount["name"] != "tmp")


def test_selectors_find_the_pod_and_the_policy_finds_the_name_server(rendered):
    deployment = rendered.one("Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    policy = rendered.one("NetworkPolicy")["spec"]
    for selector in (
        deployment["selector"]["matchLabels"],
        rendered.one("Service")["spec"]["selector"],
        rendered.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        policy["podSelector"]["matchLabels"],
    ):
        assert selector
        assert selector.items() <= labels
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    names = next(rule for rule in policy["egress"] if rule["ports"][0]["port"] == 53)
    assert names["to"][0]["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}
    assert {each["port"] for rule in policy["egress"] for each in rule["ports"]} >= {22, 443}


def test_one_is_never_two_and_several_share_a_registry():
    single, several = (Rendered(overlay) for overlay in OVERLAYS)
    assert single.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert single.one("Deployment")["spec"]["replicas"] == 1
    assert "env" not in single.muxboard
    deployment = several.one("Deployment")["spec"]
    assert deployment["replicas"] > 1
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    env = {each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in several.muxboard["env"]}
    assert env == {"MUXBOARD_REGISTRY_URL": "muxboard-redis"}
    (spread,) = several.pod["topologySpreadConstraints"]
    assert spread["labelSelector"] == deployment["selector"]
    egress = several.one("NetworkPolicy")["spec"]["egress"]
    assert 6379 in [each["port"] for rule in egress for each in rule["ports"]]
    # A budget that one replica could never meet would hold up the drain of its node for ever.
    for each in (single, several):
        assert each.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_a_change_of_a_file_is_a_rollout():
    """The maps' names hold a hash of what is in them, and the pod refers to them by it."""
    rendered = Rendered("single")
    names = {each["metadata"]["name"] for each in rendered.all if each["kind"] == "ConfigMap"}
    used = {volume["configMap"]["name"] for volume in rendered.pod["volumes"] if "configMap" in volume}
    assert names == used
    assert all(re.fullmatch(r"(muxboard|oauth2-proxy)-[a-z0-9]{10}", name) for name in names)
