"""Label tasks in Label Studio's own page, by keyboard; take a picture of the first one.

Run by `data/label_studio_roundtrip.py` in the environment it makes (Playwright, no download: it drives
/usr/bin/chromium). Requests that leave the local server are refused.

    python label_studio_page.py PICTURE EMAIL PASSWORD TASK_ADDRESS...
"""

import sys
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route, sync_playwright  # pyright: ignore[reportMissingImports]

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync").split()  # fmt: skip
MARKS = ".lsf-tree-title:has-text('Arvenia')"
"""A marked mention in the list of regions."""
SETTLE = 5_000
PATIENCE = 180_000
"""Milliseconds: for the page to come to rest, and at most for anything."""


def log_in(page: Page, address: str, email: str, password: str) -> None:
    """Log in by the form."""
    page.goto(f"{address}/user/login/")
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("button[type=submit]", no_wait_after=True)
    page.wait_for_url(lambda url: "/user/login" not in url, wait_until="commit")


def label(page: Page, task: str, picture: str) -> None:
    """Open a task, wait until its suggestion is there, take a picture if asked, choose, and submit."""
    page.goto(task, wait_until="commit")
    page.wait_for_selector("[aria-label=Submit]:enabled, button:has-text('Submit'):enabled")
    if not page.locator(MARKS).count():
        page.wait_for_timeout(SETTLE)
        page.reload(wait_until="commit")  # just after the import the page may come without suggestions
    page.wait_for_selector(MARKS)
    page.wait_for_timeout(SETTLE)  # the veil over a loading page
    if picture:
        page.click("text=Codebook")
        page.wait_for_timeout(SETTLE)
        page.screenshot(path=picture)
    page.keyboard.press("1")
    with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST"):
        page.click("button:has-text('Submit')")


def main() -> None:
    """Do it in a browser of its own."""
    picture, email, password, *tasks = sys.argv[1:]
    parts = urlsplit(tasks[0])
    address = f"{parts.scheme}://{parts.netloc}"

    def keep_inside(route: Route) -> None:
        inside = route.request.url.startswith((address, "data:", "blob:"))
        route.continue_() if inside else route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(PATIENCE)
        page.route("**/*", keep_inside)
        log_in(page, address, email, password)
        for number, task in enumerate(tasks):
            label(page, task, "" if number else picture)
        browser.close()


if __name__ == "__main__":
    main()
