"""A Chromium for tests, and pages in it that are watched: nothing goes wrong unseen, nothing is asked of anybody."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from eigen_graph.report.data import Page as Report
from eigen_graph.report.page import write_page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
AUDITS = (Path(__file__).parent / "integration" / "report_audit.js").read_text().rstrip().rstrip(";")
REQUIRED = os.environ.get("EIGEN_GRAPH_BROWSER") == "required"


@dataclass
class Reader:
    """A report that somebody has open."""

    page: Page
    file: Path
    said: list[str] = field(default_factory=list)
    """What went to the console, errors of the page too."""
    asked: list[str] = field(default_factory=list)
    """Everything that was requested."""

    def go(self, address: str) -> None:
        """Open the report there, or go there in it."""
        if self.page.url.startswith("file:"):
            self.page.evaluate("address => { location.hash = address }", address)
        else:
            self.page.goto(f"file://{self.file}{address}")
        self.settle()

    def settle(self) -> None:
        """Until what was asked for is drawn."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 40)))")

    def texts(self, selector: str) -> list[str]:
        """Texts of all elements there."""
        return self.page.locator(selector).all_text_contents()

    def press(self, *keys: str) -> None:
        """Press keys, one by one."""
        for key in keys:
            self.page.keyboard.press(key)
            self.settle()

    def audit(self, name: str) -> list[Any]:
        """What one of the audits finds."""
        return self.page.evaluate(f"{AUDITS}[{name!r}]()")

    @property
    def hash(self) -> str:
        """Where the reader is."""
        return self.page.evaluate("location.hash")

    def clean(self) -> None:
        """Nothing was said, nothing but the file was asked for, no text ran as a program."""
        assert self.said == []
        assert {url.partition("#")[0] for url in self.asked if not url.startswith("data:")} <= {f"file://{self.file}"}
        assert self.page.evaluate("window.hacked === undefined")


Open = Callable[..., Reader]
"""`opened(report, pieces, at="#/", width=1280, dark=False)`."""


def launched() -> Iterator[Browser]:
    """A Chromium; where there is none the test is skipped, or fails if one is required."""
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, NAMES)), None)
        if found is None and Path(playwright.chromium.executable_path).exists():
            found = playwright.chromium.executable_path
        if found is None:
            told = f"no browser: none of {', '.join(NAMES)} is installed, nor Playwright's own"
            if REQUIRED:
                pytest.fail(told)
            pytest.skip(told)
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def reading(browser: Browser, folder: Path) -> Iterator[Open]:
    """Opens reports in contexts of their own, and checks each when all is done."""
    readers: list[Reader] = []

    def opened(
        report: Report,
        pieces: list[str],
        at: str = "#/",
        *,
        width: int = 1280,
        dark: bool = False,
        script: str = "",
        **options: Any,
    ) -> Reader:
        file = write_page(report, pieces, folder / f"report-{len(readers)}.html")
        context = browser.new_context(
            viewport={"width": width, "height": 860},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(15_000)
        if script:
            context.add_init_script(script)
        reader = Reader(context.new_page(), file)
        reader.page.on("console", lambda message: reader.said.append(f"{message.type}: {message.text}"))
        reader.page.on("pageerror", lambda error: reader.said.append(f"error: {error}"))
        reader.page.on("request", lambda request: reader.asked.append(request.url))
        readers.append(reader)
        reader.go(at)
        return reader

    yield opened
    for reader in readers:
        reader.clean()
        reader.page.context.close()
