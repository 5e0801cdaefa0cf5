"""The page of examples/chat in a real Chromium: two people, each with a window, talk.

GOCHAN_SCREENSHOTS=FOLDER keeps what they saw.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

import servers
from serving import Server, serving


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    path = servers.find("chromium")
    with sync_playwright() as playwright:
        # As root it has no sandbox. It only ever sees our own page.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        expect.set_options(timeout=15_000)
        yield browser
        browser.close()


@pytest.fixture
def server() -> Generator[Server]:
    with serving("chat/server.py", "--port", "0") as server:
        yield server


def enter(
    browser: Browser, server: Server, name: str, problems: list[str], dark: bool = False
) -> Page:
    look = browser.new_context(
        viewport={"width": 1100, "height": 680}, color_scheme="dark" if dark else "light"
    )
    page = look.new_page()
    page.on("pageerror", lambda error: problems.append(f"{name}: {error}"))
    page.goto(server.url)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Enter the lobby").click()
    expect(page.get_by_role("heading", name="#lobby")).to_be_visible()
    return page


def say(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send").click()


def keep(page: Page, name: str) -> None:
    if folder := os.environ.get("GOCHAN_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_two_people_talk(browser: Browser, server: Server) -> None:
    problems: list[str] = []
    ada = enter(browser, server, "ada", problems)
    grace = enter(browser, server, "grace", problems, dark=True)
    here = ada.locator("#members")
    expect(here).to_contain_text("grace")
    expect(ada.locator("#log")).to_contain_text("grace came in")

    say(ada, "Hello grace! Does <b>markup</b> get through?")
    log = grace.locator("#log")
    expect(log.locator(".text")).to_have_text("Hello grace! Does <b>markup</b> get through?")
    expect(log.locator("b", has_text="markup")).to_have_count(0)
    say(grace, "As text it does.")
    say(grace, "And two in a row belong together.")
    expect(ada.locator("#log .text")).to_have_count(3)
    expect(ada.locator("#log .own")).to_have_count(1)
    keep(ada, "lobby")

    # A message to one person waits on the left until it is read.
    here.get_by_role("button", name="grace").click()
    say(ada, "This is for you alone.")
    expect(ada.locator("#log .text")).to_have_text("This is for you alone.")
    letter = grace.locator("#direct").get_by_role("button", name="ada")
    expect(letter.locator(".unread")).to_have_text("1")
    expect(log.locator(".text")).to_have_count(3)
    keep(grace, "unread")
    letter.click()
    expect(log.locator(".text")).to_have_text("This is for you alone.")
    expect(letter.locator(".unread")).to_have_count(0)
    keep(grace, "direct")

    # A second room, which grace does not see.
    ada.get_by_label("Join or open a room").fill("machines")
    ada.keyboard.press("Enter")
    expect(ada.get_by_role("heading", name="#machines")).to_be_visible()
    say(ada, "Nobody is here.")
    ada.get_by_role("button", name="Leave").click()
    expect(ada.locator("#rooms")).not_to_contain_text("machines")
    ada.locator("#rooms").get_by_role("button", name="lobby").click()
    expect(ada.locator("#log .text")).to_have_count(3)
    expect(grace.locator("#rooms")).not_to_contain_text("machines")

    grace.context.close()
    expect(here).not_to_contain_text("grace")
    expect(ada.locator("#log")).to_contain_text("grace left")
    ada.context.close()
    assert problems == []
    server.stop()


def test_a_name_that_is_taken(browser: Browser, server: Server) -> None:
    problems: list[str] = []
    ada = enter(browser, server, "ada", problems)
    other = browser.new_page()
    other.goto(server.url)
    keep(other, "door")
    other.get_by_label("Your name").fill("ada")
    other.get_by_role("button", name="Enter the lobby").click()
    expect(other.get_by_role("alert").first).to_have_text("Somebody of that name is here already.")
    ada.context.close()
    other.close()
    server.stop()


def test_a_server_that_comes_back(browser: Browser) -> None:
    """The page says so, and goes on where it was."""
    problems: list[str] = []
    port = str(servers.free_port())
    with serving("chat/server.py", "--port", port) as server:
        ada = enter(browser, server, "ada", problems)
        ada.get_by_label("Join or open a room").fill("machines")
        ada.keyboard.press("Enter")
        expect(ada.get_by_role("heading", name="#machines")).to_be_visible()
        server.stop()
        expect(ada.locator("#banner")).to_contain_text("Trying again")
    with serving("chat/server.py", "--port", port) as server:
        expect(ada.locator("#banner")).to_be_hidden()
        say(ada, "Still here.")
        expect(ada.locator("#log .text")).to_have_text("Still here.")
        ada.context.close()
        assert problems == []
        server.stop()
