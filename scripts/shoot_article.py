"""Photograph an HTML page at 1200 px (light and dark) and 360 px, with a headless chromium.

    python scripts/shoot_article.py article.html -o shots

Writes NAME-1200-light.png, NAME-1200-dark.png and NAME-360-light.png. Needs the playwright package and a chromium; the network is off.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

VIEWS = ((1200, "light"), (1200, "dark"), (360, "light"))


def find_chromium() -> str | None:
    """The path of a chromium on this machine, or None."""
    return next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


def shoot(page_file: Path, folder: Path, chromium: str) -> list[Path]:
    """Take the three pictures of a page, whole, and return their paths."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    shots = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width, scheme in VIEWS:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if scheme == "dark" else "light",
                device_scale_factor=2 if width < 600 else 1,
                offline=True,
            )
            page = context.new_page()
            page.goto(page_file.resolve().as_uri())
            shots.append(folder / f"{page_file.stem}-{width}-{scheme}.png")
            page.screenshot(path=shots[-1], full_page=True)
            context.close()
        browser.close()
    return shots


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="the HTML page")
    parser.add_argument("-o", "--output", type=Path, default=Path("shots"), help="folder for the pictures (default: shots)")
    arguments = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        print("shoot_article: no chromium here. Install it: apt-get install chromium", file=sys.stderr)
        return 1
    if not arguments.file.is_file():
        print(f"shoot_article: {arguments.file}: there is no such file", file=sys.stderr)
        return 1
    for shot in shoot(arguments.file, arguments.output, chromium):
        print(shot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
