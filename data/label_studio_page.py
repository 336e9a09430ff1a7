"""Label tasks in Label Studio's own page, by keyboard; take a picture of the first one.

Run by `data/label_studio_roundtrip.py` in the environment it makes (Playwright, no download: it drives
/usr/bin/chromium). Requests that leave the local server are refused. Prints the numbers of the tasks.

    python label_studio_page.py PICTURE EMAIL PASSWORD PROJECT_ADDRESS HOW_MANY
"""

import sys
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response, Route, sync_playwright  # pyright: ignore[reportMissingImports]

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
    page.press("#password", "Enter", no_wait_after=True)
    page.wait_for_url(lambda url: "/user/login" not in url, wait_until="commit")


def label(page: Page, picture: str) -> int:
    """Wait for the suggestion, take a picture if asked, choose, submit; return the number of the task."""
    page.wait_for_selector(MARKS)
    page.wait_for_timeout(SETTLE)  # the veil over a loading page
    if picture:
        page.click("text=Codebook")
        page.wait_for_timeout(SETTLE)
        page.screenshot(path=picture)
    page.keyboard.press("1")
    with page.expect_response(is_submission) as sent, page.expect_response(lambda r: "next_task" in r.url):
        page.click("button:has-text('Submit')")
    return sent.value.json()["task"]


def is_submission(response: Response) -> bool:
    """Whether a response is the one to a new annotation."""
    return "/annotations" in response.url and response.request.method == "POST"


def main() -> None:
    """Do it in a browser of its own."""
    picture, email, password, project, number = sys.argv[1:]
    parts = urlsplit(project)
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
        page.goto(f"{project}/data?labeling=1", wait_until="commit")
        for done in range(int(number)):
            print(label(page, "" if done else picture))
        browser.close()


if __name__ == "__main__":
    main()
