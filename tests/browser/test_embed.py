"""Terminals in another site's page: https, two sites, and exactly the portal of packaging/examples/embed."""

from __future__ import annotations

import os
import pwd
import tomllib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from playwright.sync_api import expect

from tests.browser.portal import (
    EXAMPLE,
    SAID,
    Box,
    Neighbours,
    Sites,
    boxes,
    portal,
    wait_said,
)
from tests.browser.test_everybody import AXE, SERIOUS
from tests.rig.browser import FLAGS
from tests.rig.ports import free_ports
from tests.rig.service import TOKEN, local_host
from tests.rig.tls import Tls
from tests.rig.waiting import until


@pytest.fixture(scope="module")
def browser_flags():
    """Chromium finds every name of these sites on this machine. With WebGL, as in ``test_everybody``."""
    return [*FLAGS, "--host-resolver-rules=MAP *.example 127.0.0.1"]


@pytest.fixture
def targets():
    """The sessions on the portal's page."""
    return ["api", "worker"]


@pytest.fixture
def sites(tmp_path, tmux, start_service, targets):
    """muxboard and the portal, each behind https and on a site of its own; configured as the example says."""
    user = pwd.getpwuid(os.getuid()).pw_name
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = tmp_path / "portal.pem", tmp_path / "portal.pub.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for name in targets:
        tmux.new(name, "cat")
    with Tls(tmp_path, "mux.example") as front, Tls(tmp_path, "portal.example") as around:
        sites = Sites(
            portal=f"https://portal.example:{around.port}",
            other=f"https://other.example:{around.port}",
            muxboard=f"https://mux.example:{front.port}/console/",
            tls=front,
            user=user,
            key=private.read_bytes(),
        )
        config = tomllib.loads((EXAMPLE / "muxboard.toml").read_text())
        config["hosts"] = [local_host(key="build")]
        [front.target] = free_ports(1)
        config["server"] |= {
            "bind": f"127.0.0.1:{front.target}",
            "public_url": sites.muxboard,
            "frame_ancestors": [sites.portal],
        }
        config["auth"]["links"]["issuers"][0] |= {"public_key_file": str(public), "users": [user]}
        start_service(config, env={"TMUX_TMPDIR": str(tmux.folder)})
        names = [sites.title(name) for name in targets]
        with portal(sites.muxboard, private, names, tmp_path / "portal.log") as around.target:
            yield sites


@pytest.fixture
def watch(sites):
    return Neighbours(sites)


@pytest.fixture
def looks():
    """Colours and size of the window."""
    return {"viewport": {"width": 1000, "height": 900}}


@pytest.fixture
def context_options(looks):
    return {"ignore_https_errors": True, **looks}


@pytest.fixture
def page(page, sites):
    """The portal's page, opened."""
    page.add_init_script(SAID)
    page.goto(sites.portal)
    return page


def test_two_terminals_of_one_page_each_in_a_session_of_its_own(page, sites, tmux):
    api, worker = boxes(page, sites, ["api", "worker"])
    assert tmux.clients() == []
    assert "eyJ" not in page.content()
    assert page.evaluate("document.querySelector('muxboard-terminal').outerHTML").count("token") == 0
    assert {api.frame.url, worker.frame.url} == {f"{sites.muxboard}open"}

    api.open()
    assert wait_said(page, "open", api.title) == [[api.title, {}]]
    worker.open()
    wait_said(page, "open", worker.title)
    api.type("to the first")
    worker.type("to the second")
    tmux.wait_for("api", "to the first")
    tmux.wait_for("worker", "to the second")
    api.wait_for("to the first")
    assert "second" not in tmux.capture("api")

    # The first goes on although the second was redeemed after it, and neither needs a cookie.
    api.attach_again()
    page.context.clear_cookies()
    for box in (worker, api):
        box.attach_again()
        box.type("once more")
        expect(box.frame.get_by_test_id("back")).to_have_count(0)
    tmux.wait_for("api", "once more")
    tmux.wait_for("worker", "once more")
    assert "eyJ" not in "\n".join(head.partition("\r\n")[0] for head in sites.tls.heads)


def test_the_elements_events_tell_how_it_ended(page, sites, tmux):
    api, _ = boxes(page, sites, ["api", "worker"])
    api.open()
    page.evaluate("postMessage({ muxboard: 'exit', reason: 'forged' }, '*')")
    tmux("kill-session", "-t", "=api")
    expect(api.frame.get_by_test_id("term-ended")).to_be_visible()
    expect(api.frame.get_by_test_id("term-board")).to_have_count(0)
    assert wait_said(page, "exit", api.title) == [[api.title, {"reason": "exited"}]]
    expect(page.locator("output")).to_contain_text("ended (exited)")


@pytest.mark.parametrize("targets", [["api"]])
def test_a_new_token_opens_anew_and_a_used_one_is_refused_in_words(page, sites, tmux, watch):
    watch.expect(r"401 .*/redeem\)")
    tmux.new("worker", "cat")
    (api,) = boxes(page, sites, ["api"])
    api.open()
    token = sites.token("worker")
    set_attribute = "(token) => document.querySelector('muxboard-terminal').setAttribute('token', token)"
    set_property = "(token) => { document.querySelector('muxboard-terminal').token = token; }"
    page.evaluate(set_attribute, token)
    (worker,) = boxes(page, sites, ["worker"])
    until(lambda: tmux.clients("api") == [], "the end of the first terminal")
    worker.open().type("with another token")
    tmux.wait_for("worker", "with another token")
    assert token not in page.content()

    page.evaluate(set_property, token)
    (worker,) = boxes(page, sites, ["worker"])
    worker.frame.get_by_test_id("open-go").click()
    expect(worker.frame.get_by_test_id("open-error")).to_contain_text("used already")
    (_, detail), *more = wait_said(page, "error", api.title)
    assert more == []
    assert detail["code"] == "unauthenticated"
    assert token not in page.content() + str(page.evaluate("heard")) + worker.frame.content()


def test_two_links_in_two_tabs_of_one_browser_outlive_a_reload(sites, context, tmux):
    tabs = {}
    for name in ("api", "worker"):
        tab = tabs[name] = context.new_page()
        tab.goto(f"{sites.muxboard}open#{sites.token(name)}")
        Box(tab, tab.main_frame, name).open()
    for name, tab in tabs.items():
        tab.reload()
        Box(tab, tab.main_frame, name).connected().type(f"into {name}")
        tmux.wait_for(name, f"into {name}")
        tab.close()


@pytest.mark.parametrize("targets", [["api"]])
def test_the_keyboard_goes_where_the_page_sends_it(page, sites, tmux):
    (api,) = boxes(page, sites, ["api"])
    focus = "document.querySelector('muxboard-terminal').focus()"
    assert page.evaluate("document.activeElement === document.body"), "the frame took the focus by itself"
    holds = "(chosen) => document.hasFocus() && document.activeElement.matches(chosen)"
    page.evaluate(focus)
    api.frame.wait_for_function(holds, arg="[data-testid=open-go]")
    page.keyboard.press("Enter")  # the one button
    api.connected()
    page.evaluate("document.activeElement.blur(); window.focus()")
    api.frame.wait_for_function("() => !document.hasFocus()")
    page.keyboard.type("to the page")
    page.evaluate(focus)
    api.frame.wait_for_function(holds, arg=".xterm-helper-textarea")
    page.keyboard.type("to the terminal")
    page.keyboard.press("Enter")
    assert "to the page" not in tmux.wait_for("api", "to the terminal")


@pytest.mark.parametrize("targets", [["api"]])
def test_the_login_of_the_services_own_pages_stays_out_of_the_frame(page, sites, context):
    own = context.new_page()
    own.goto(f"{sites.muxboard}#token={TOKEN}")
    expect(own.get_by_test_id("live-state")).to_have_text("live")
    own.close()
    page.reload()
    (api,) = boxes(page, sites, ["api"])
    me = "async () => (await fetch('api/v1/me')).status"
    assert api.frame.evaluate(me) == 401
    api.open()
    # Kept for the service's own site and for the portal's apart, also where browsers let cookies go further.
    kept = {each["name"]: each.get("partitionKey") for each in context.cookies(sites.muxboard)}
    assert kept.pop("__Host-muxboard.console") == "https://mux.example"
    assert set(kept.values()) == {"https://portal.example"}
    again = context.new_page()
    again.goto(sites.muxboard)
    expect(again.get_by_test_id("live-state")).to_have_text("live")  # nor did the link take the login's place
    again.close()


@pytest.mark.parametrize("targets", [["api"]])
def test_a_page_of_an_origin_that_is_not_named_is_refused(page, sites, watch):
    watch.expect("frame-ancestors|frame because|target origin|postMessage|ERR_BLOCKED")
    page.goto(sites.other)
    (_, detail), *more = wait_said(page, "error", sites.title("api"))
    assert more == []
    assert detail["code"] == "refused"
    assert f"list {sites.other} in server.frame_ancestors" in detail["message"]
    assert any("frame-ancestors" in text for text in watch.complaints)
    assert [frame.url for frame in page.frames[1:]] == ["chrome-error://chromewebdata/"]


@pytest.mark.parametrize("targets", [["api"]])
def test_a_plain_iframe_works_too_and_tells_nobody_anything(page, sites, tmux):
    page.evaluate("document.querySelector('muxboard-terminal').remove()")
    page.evaluate(
        """(url) => {
          said.length = heard.length = 0;
          const frame = document.createElement("iframe");
          frame.title = "plain"; frame.width = 700; frame.height = 300; frame.src = url;
          document.querySelector("main").append(frame);
        }""",
        f"{sites.muxboard}open#{sites.token('api')}",
    )
    (api,) = boxes(page, sites, ["api"])
    assert api.frame.url == f"{sites.muxboard}open"
    api.open().type("by a plain frame")
    tmux.wait_for("api", "by a plain frame")
    assert page.evaluate("heard") == []


@pytest.mark.parametrize("targets", [["api"]])
def test_a_frame_that_is_loaded_again_by_itself_says_what_it_needs(page, sites, context):
    (api,) = boxes(page, sites, ["api"])
    api.open()
    context.clear_cookies()
    api.frame.evaluate("setTimeout(() => location.reload())")
    expect(api.frame.get_by_test_id("needs-link")).to_be_visible()
    assert wait_said(page, "error", api.title)[0][1]["code"] == "no_link"


@pytest.mark.parametrize("targets", [["api"]])
@pytest.mark.parametrize(
    "looks",
    [
        {"viewport": {"width": 1000, "height": 700}, "color_scheme": "dark"},
        {"viewport": {"width": 1000, "height": 700}, "color_scheme": "light"},
        {"viewport": {"width": 360, "height": 640}, "color_scheme": "dark"},
    ],
    ids=["dark", "light", "narrow"],
)
def test_it_is_for_everybody(page, sites, tmux, looks):
    (api,) = boxes(page, sites, ["api"])
    for state in ("asked", "open", "ended"):
        if state == "open":
            api.open()
        if state == "ended":
            tmux("kill-session", "-t", "=api")
            expect(api.frame.get_by_test_id("term-ended")).to_be_visible()
        for place in (page, api.frame):
            place.evaluate(AXE.read_text())
            assert place.evaluate(SERIOUS) == []
            widths = place.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert widths[0] <= widths[1]
