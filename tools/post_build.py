#!/usr/bin/env python3
"""Finishes the site that Trunk built in its staging folder.

1. Tells the app where the workers are: their file names carry the build hash, so each worker's loader is
   written into index.html as `<meta name="worker" data-bin="worker" content="worker-<hash>_loader.js">`, and copied to
   `worker_loader.js`.
2. Writes the content security policy with the SHA-256 of every inline script (Trunk's loader is one).
3. Copies index.html to every route's folder and to 404.html, with a `<base>` that leads back to the root, so that
   a static server without any rules answers deep links under any sub-path.
4. Prints the gzip size of each WebAssembly file, and with BUDGETS=1 fails over `tools/budgets.json`.
"""

import base64
import gzip
import hashlib
import json
import os
import pathlib
import re
import sys

ROUTES = ["models", "chat", "tasks", "run", "results", "judge", "data", "about"]
WORKERS = ["worker", "cpu_worker", "analysis"]
ROOT = pathlib.Path(__file__).resolve().parent.parent


def site_folder() -> pathlib.Path:
    """Trunk names its staging folder; by hand, the finished one is meant."""
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1])
    return pathlib.Path(os.environ.get("TRUNK_STAGING_DIR", ROOT / "dist"))


def worker_tags(site: pathlib.Path) -> str:
    tags = []
    for name in WORKERS:
        loaders = sorted(site.glob(f"{name}-*_loader.js"))
        if len(loaders) > 1:
            sys.exit(f"post_build: more than one loader for the worker {name}: {loaders}")
        for loader in loaders:
            # A second, stable name for whoever does not read the tag; the app adds its version as a query.
            (site / f"{name}_loader.js").write_text(loader.read_text(encoding="utf-8"), encoding="utf-8")
            tags.append(f'<meta name="worker" data-bin="{name}" content="{loader.name}">')
    return "".join(tags)


def policy(html: str) -> str:
    scripts = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", html, flags=re.S)
    hashes = " ".join(
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" for text in scripts
    )
    return "; ".join([
        "default-src 'none'",
        f"script-src 'self' 'wasm-unsafe-eval' {hashes}".strip(),
        "connect-src 'self' https:",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'none'",
    ])


def with_base(html: str, base: str) -> str:
    return re.sub(r"<base\b[^>]*>", f'<base href="{base}">', html, count=1)


def finish(site: pathlib.Path) -> None:
    index = site / "index.html"
    html = index.read_text(encoding="utf-8")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    html = re.sub(r'<meta name="worker"[^>]*>', "", html)
    # `<base>` comes first: every other address in the head depends on it.
    if not re.search(r"<base\b", html):
        html = html.replace("<head>", '<head><base href="./">', 1)
    base_tag = re.search(r"<base\b[^>]*>", html).group(0)
    html = html.replace(base_tag, "", 1)
    # HTML parsers turn CR LF into LF before hashing; Trunk writes LF.
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy(html)}">{worker_tags(site)}'
    charset = re.search(r"<meta charset[^>]*>", html)
    charset_tag = charset.group(0) if charset else '<meta charset="utf-8">'
    if charset:
        html = html.replace(charset_tag, "", 1)
    html = html.replace("<head>", f'<head>{charset_tag}<base href="./">{head}', 1)
    index.write_text(html, encoding="utf-8")
    for route in ROUTES:
        folder = site / route
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(with_base(html, "../"), encoding="utf-8")
    # A host serves 404.html at the address that was asked for, at any depth: the base is computed from the site's
    # root, which a static file cannot know. The root is right for hosts without a sub-path.
    (site / "404.html").write_text(with_base(html, "/"), encoding="utf-8")


def sizes(site: pathlib.Path) -> None:
    budgets_file = ROOT / "tools" / "budgets.json"
    budgets = json.loads(budgets_file.read_text()) if budgets_file.exists() else {}
    over = []
    print("size: file, bytes, gzip bytes")
    for path in sorted([*site.glob("*.wasm"), *site.glob("*.js"), *site.glob("*.css")]):
        data = path.read_bytes()
        zipped = len(gzip.compress(data, 9))
        print(f"size: {path.name} {len(data)} {zipped}")
        bin_name = re.sub(r"-[0-9a-f]{8,}.*$", "", path.name)
        if path.suffix == ".wasm" and zipped > budgets.get(bin_name, zipped):
            over.append(f"{bin_name}: {zipped} gzip bytes, budget {budgets[bin_name]}")
    if over and os.environ.get("BUDGETS") == "1":
        sys.exit("post_build: over budget: " + "; ".join(over))


if __name__ == "__main__":
    folder = site_folder()
    finish(folder)
    sizes(folder)
