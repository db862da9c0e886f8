#!/usr/bin/env python3
"""Finishes the site that Trunk built in its staging folder.

1. Puts the build hash into the names of each worker's files, which Trunk leaves plain, and tells the page the
   loader's name: `<meta name="worker" data-bin="worker" content="worker-<hash>_loader.js">`.
2. Copies index.html to every route's folder and to 404.html, with a `<base>` that leads back to the root, so that
   a static server without any rules answers deep links under any sub-path.
3. Writes the content security policy with the SHA-256 of every inline script (Trunk's loader is one).
4. Writes sw.js, which keeps the site for times without a network, with the list of files and their hashes.
5. Prints the gzip size of each file, and with BUDGETS=1 fails over `tools/budgets.json`.
"""

import base64
import gzip
import hashlib
import json
import os
import pathlib
import re
import sys

ROUTES = ["models", "chat", "tasks", "run", "sight", "suite", "results", "similarity", "judge", "build", "class", "lesson", "data", "about"]
MODEL_FILES = {".gguf", ".safetensors"}
WORKERS = ["worker", "cpu_worker", "vision_worker", "clip_worker", "analysis"]
ROOT = pathlib.Path(__file__).resolve().parent.parent

# A host sends 404.html at the address that was asked for, at any depth. The site's root is the nearest folder above
# that holds the app's script. The request is synchronous because the elements after it need the base.
FIND_ROOT = (
    "{let folder=location.pathname,found;"
    "do{folder=folder.slice(0,folder.lastIndexOf('/',folder.length-2)+1);"
    "const ask=new XMLHttpRequest();"
    "try{ask.open('HEAD',folder+'APP',false);ask.send();"
    "found=ask.status===200&&/javascript/.test(ask.getResponseHeader('content-type'))}catch{found=false}"
    "}while(!found&&folder.length>1);"
    "document.querySelector('base').href=folder}"
)


def site_folder() -> pathlib.Path:
    """Trunk names its staging folder; by hand, the finished one is meant."""
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1])
    return pathlib.Path(os.environ.get("TRUNK_STAGING_DIR", ROOT / "dist"))


def stamp(site: pathlib.Path, name: str) -> None:
    """Renames `name.js`, `name_bg.wasm` and `name_loader.js` to carry the hash of what they hold."""
    script, module, loader = (site / f"{name}{end}" for end in (".js", "_bg.wasm", "_loader.js"))
    if not loader.exists():
        return
    stamped = f"{name}-{hashlib.sha256(script.read_bytes() + module.read_bytes()).hexdigest()[:16]}"
    for path, old in [(script, f"{name}_bg.wasm"), (loader, f"{name}.js")]:
        text = path.read_text(encoding="utf-8")
        if old not in text:
            sys.exit(f"post_build: {path.name} does not name {old}")
        path.write_text(text.replace(old, old.replace(name, stamped, 1)), encoding="utf-8")
    for path in (script, module, loader):
        path.rename(path.with_name(path.name.replace(name, stamped, 1)))


def worker_tags(site: pathlib.Path) -> str:
    tags = []
    for name in WORKERS:
        stamp(site, name)
        loaders = [path.name for path in site.glob(f"{name}-*_loader.js")]
        if len(loaders) > 1:
            sys.exit(f"post_build: more than one loader of the worker {name}: {sorted(loaders)}")
        tags += [f'<meta name="worker" data-bin="{name}" content="{loader}">' for loader in loaders]
    return "".join(tags)


def policy(html: str) -> str:
    # HTML parsers turn CR LF into LF before hashing; Trunk writes LF.
    scripts = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", html, flags=re.S)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    return "; ".join([
        "default-src 'none'",
        " ".join(["script-src 'self' 'wasm-unsafe-eval'", *(f"'sha256-{value}'" for value in hashes)]),
        "connect-src 'self' https:",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'none'",
    ])


def page(html: str, base: str, script: str = "") -> str:
    """A copy of `html`, which has no base and no policy; they come before everything that they govern."""
    script = script and f"<script>{script}</script>"
    rule = f'<meta http-equiv="Content-Security-Policy" content="{policy(script + html)}">'
    return html.replace("<head>", f'<head><meta charset="utf-8">{rule}<base href="{base}">{script}', 1)


def finish(site: pathlib.Path) -> None:
    html = (site / "index.html").read_text(encoding="utf-8")
    for tag in [r"<meta charset[^>]*>", r'<meta http-equiv="Content-Security-Policy"[^>]*>', r"<base\b[^>]*>",
                r'<meta name="worker"[^>]*>']:
        html = re.sub(tag, "", html)
    html = html.replace("</head>", worker_tags(site) + "</head>", 1)
    app = re.search(r"from '\./(app[^']*\.js)'", html)
    if not app:
        sys.exit("post_build: index.html does not load the app")
    (site / "index.html").write_text(page(html, "./"), encoding="utf-8")
    (site / "404.html").write_text(page(html, "./", FIND_ROOT.replace("APP", app.group(1))), encoding="utf-8")
    for route in ROUTES:
        (site / route).mkdir(exist_ok=True)
        (site / route / "index.html").write_text(page(html, "../"), encoding="utf-8")


def keep_offline(site: pathlib.Path) -> None:
    """Writes `sw.js`: the service worker with the hash of every file but models, which the page keeps itself."""
    files = {}
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        if path.is_file() and name != "sw.js" and path.suffix not in MODEL_FILES:
            # A page is asked for by its folder.
            files[re.sub(r"(^|/)index\.html$", r"\1", name)] = hashlib.sha256(path.read_bytes()).hexdigest()
    listed = json.dumps(files, indent=0, sort_keys=True)
    text = (ROOT / "tools" / "service_worker.js").read_text(encoding="utf-8")
    for mark, value in [("{/* FILES */}", listed), ("/* VERSION */", hashlib.sha256(listed.encode()).hexdigest()[:16])]:
        if mark not in text:
            sys.exit(f"post_build: service_worker.js has no place for {mark}")
        text = text.replace(mark, value, 1)
    (site / "sw.js").write_text(text, encoding="utf-8")


def sizes(site: pathlib.Path, budgets: dict[str, int]) -> list[str]:
    """Prints what is sent over the network; returns what is over its budget of gzip bytes."""
    over = []
    print("size: file, bytes, gzip bytes")
    for path in sorted([*site.glob("*.wasm"), *site.glob("*.js"), *site.glob("*.css")]):
        data = path.read_bytes()
        zipped = len(gzip.compress(data, 9))
        print(f"size: {path.name} {len(data)} {zipped}")
        name = re.sub(r"-[0-9a-f]{8,}", "", path.name)
        if zipped > budgets.get(name, zipped):
            over.append(f"{name} has {zipped} gzip bytes, its budget is {budgets[name]}")
    return over


def main() -> None:
    site = site_folder()
    finish(site)
    keep_offline(site)
    over = sizes(site, json.loads((ROOT / "tools" / "budgets.json").read_text(encoding="utf-8")))
    if over and os.environ.get("BUDGETS") == "1":
        sys.exit("post_build: over budget: " + "; ".join(over))


if __name__ == "__main__":
    main()
