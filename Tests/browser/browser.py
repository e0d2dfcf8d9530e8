"""What the browser scripts share: Debian's chromium, checks, screenshots, axe."""

import contextlib
import os
import pathlib
import sys
import traceback

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
STEP_MILLISECONDS = 10_000


def setting(name, default):
    return os.environ.get(name) or default


@contextlib.contextmanager
def pages(shots):
    """Gives `open_page(**context options)`; `shots` is where screenshots go."""
    pathlib.Path(shots).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def open_page(**options):
            page = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options}).new_page()
            page.set_default_timeout(STEP_MILLISECONDS)
            page.problems = []
            page.on("pageerror", lambda error: page.problems.append(f"script error: {error}"))
            page.on(
                "console",
                lambda message: "Content Security Policy" in message.text
                and page.problems.append(f"policy: {message.text}"),
            )
            return page

        try:
            yield open_page
        finally:
            browser.close()


class Checks:
    """Counts named checks; the first failure of a run ends it."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, holds=True, detail=""):
        if not holds:
            raise AssertionError(f"{what} {detail}".strip())
        self.passed += 1
        print(f"ok: {what}", flush=True)

    def accessible(self, page, what):
        result = Axe().run(page)
        found = [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in result.response["violations"]]
        self.check(f"{what} has no accessibility violations", not found, "; ".join(found))

    def clean(self, page):
        self.check("the page had no script error and broke no policy", not page.problems, "; ".join(page.problems))


def run(name, test):
    """Runs `test(checks)`, prints the result line, exits 0 or 1."""
    checks = Checks()
    try:
        test(checks)
    except Exception:
        checks.failed = 1
        traceback.print_exc()
    print(f"{name}: {checks.passed} passed, {checks.failed} failed", flush=True)
    sys.exit(1 if checks.failed else 0)
