"""What `post_build` makes of a site as Trunk leaves it: `python3 -m unittest discover tools`."""

import base64
import contextlib
import hashlib
import io
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import post_build

INDEX = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <base href="./" />
    <link rel="stylesheet" href="./base-9bf9024351bceef8.css"/>
<script type="module">
import init from './app-35d37a728a52ce74.js';
await init({ module_or_path: './app-35d37a728a52ce74_bg.wasm' });
</script>
  </head>
  <body></body>
</html>
"""
# Runs 404.html's script on a host that has the app in the folder `root`, and prints the base that it chooses.
BROWSER = """
const [script, path, root] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const base = {};
class XMLHttpRequest {
  open(method, url) { this.found = url === root + "app-35d37a728a52ce74.js"; }
  send() { this.status = this.found ? 200 : 404; }
  getResponseHeader() { return this.found ? "text/javascript" : "text/html"; }
}
new Function("location", "document", "XMLHttpRequest", script)(
  { pathname: path }, { querySelector: () => base }, XMLHttpRequest);
process.stdout.write(base.href);
"""


class PostBuild(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.site = pathlib.Path(folder.name)
        self.write("index.html", INDEX)
        for name in ["worker", "cpu_worker"]:
            self.write(f"{name}.js", f"new URL('{name}_bg.wasm', import.meta.url)")
            self.write(f"{name}_bg.wasm", f"code of {name}")
            self.write(f"{name}_loader.js", f"import init from './{name}.js';await init();")
        post_build.finish(self.site)
        post_build.keep_offline(self.site)

    def write(self, name: str, text: str) -> None:
        (self.site / name).write_text(text, encoding="utf-8")

    def read(self, name: str) -> str:
        return (self.site / name).read_text(encoding="utf-8")

    def pages(self) -> list[str]:
        return ["index.html", "404.html", *(f"{route}/index.html" for route in post_build.ROUTES)]

    def loader(self, name: str) -> str:
        return re.search(f'data-bin="{name}" content="([^"]*)"', self.read("index.html")).group(1)

    def test_every_page_names_loaders_whose_files_carry_one_hash_and_exist(self) -> None:
        for name in ["worker", "cpu_worker"]:
            loader = self.loader(name)
            stamped = loader.removesuffix("_loader.js")
            self.assertRegex(stamped, f"^{name}-[0-9a-f]{{16}}$")
            self.assertEqual(self.read(loader), f"import init from './{stamped}.js';await init();")
            self.assertEqual(self.read(f"{stamped}.js"), f"new URL('{stamped}_bg.wasm', import.meta.url)")
            self.assertEqual(self.read(f"{stamped}_bg.wasm"), f"code of {name}")
            self.assertFalse((self.site / f"{name}_loader.js").exists())
            for page in self.pages():
                self.assertIn(f'content="{loader}"', self.read(page))

    def test_other_code_has_another_address(self) -> None:
        before = self.loader("worker")
        (self.site / before).unlink()
        self.write("worker.js", "new URL('worker_bg.wasm', import.meta.url)")
        self.write("worker_bg.wasm", "other code")
        self.write("worker_loader.js", "import init from './worker.js';await init();")
        post_build.finish(self.site)
        self.assertNotEqual(self.loader("worker"), before)

    def test_finishing_twice_changes_nothing(self) -> None:
        before = {page: self.read(page) for page in self.pages()}
        post_build.finish(self.site)
        self.assertEqual({page: self.read(page) for page in self.pages()}, before)

    def test_the_policy_allows_exactly_the_inline_scripts_and_comes_before_them(self) -> None:
        for page in self.pages():
            html = self.read(page)
            scripts = re.findall(r"<script[^>]*>(.*?)</script>", html, flags=re.S)
            self.assertEqual(len(scripts), 2 if page == "404.html" else 1)
            expected = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
            self.assertEqual(re.findall(r"'sha256-([^']*)'", html), expected, page)
            self.assertEqual(html.count("Content-Security-Policy"), 1)
            self.assertLess(html.index("Content-Security-Policy"), html.index("<script"))

    def test_each_page_has_one_base_before_every_address(self) -> None:
        for page in self.pages():
            html = self.read(page)
            expected = "../" if "/" in page else "./"
            self.assertEqual(re.findall(r'<base href="([^"]*)"', html), [expected])
            self.assertLess(html.index("<base"), html.index("<link"))

    def test_every_page_of_the_app_has_a_folder(self) -> None:
        text = (post_build.ROOT / "src/ui/mod.rs").read_text(encoding="utf-8")
        self.assertEqual(sorted(re.findall(r'path!\("/(\w+)"\)', text)), sorted(post_build.ROUTES))

    def test_a_page_that_is_not_there_finds_the_root_from_any_depth(self) -> None:
        script = re.search(r"<script>(.*?)</script>", self.read("404.html"), flags=re.S).group(1)
        for root in ["/", "/a/", "/a/b/"]:
            for below in ["models", "models/", "models/x", "x/y/z", "x/y/z/", "about/index.htm"]:
                given = json.dumps([script, root + below, root])
                done = subprocess.run(["node", "-e", BROWSER], input=given, capture_output=True, text=True, check=True)
                self.assertEqual(done.stdout, root, below)

    def listed(self) -> dict[str, str]:
        return json.loads(re.search(r"Object\.entries\((\{.*?\})\)", self.read("sw.js"), flags=re.S).group(1))

    def test_the_service_worker_lists_every_file_with_its_hash_but_no_model(self) -> None:
        self.write("model.gguf", "weights")
        post_build.keep_offline(self.site)
        files = self.listed()
        self.assertEqual(files[""], hashlib.sha256((self.site / "index.html").read_bytes()).hexdigest())
        self.assertLessEqual({"404.html", "judge/", self.loader("worker")}, files.keys())
        self.assertFalse({"model.gguf", "sw.js", "index.html"} & files.keys())
        subprocess.run(["node", "--check", self.site / "sw.js"], check=True)

    def test_any_change_of_a_file_is_another_version_of_the_service_worker(self) -> None:
        def version() -> str:
            return re.search(r'const VERSION = "([0-9a-f]{16})"', self.read("sw.js")).group(1)

        before = version()
        post_build.keep_offline(self.site)
        self.assertEqual(version(), before)
        self.write("404.html", "other")
        post_build.keep_offline(self.site)
        self.assertNotEqual(version(), before)

    def test_a_file_over_its_budget_is_named(self) -> None:
        self.write("big-0123456789abcdef_bg.wasm", "")
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(post_build.sizes(self.site, {"big_bg.wasm": 100}), [])
            over = post_build.sizes(self.site, {"big_bg.wasm": 10})
        self.assertEqual(len(over), 1)
        self.assertTrue(over[0].startswith("big_bg.wasm has "))


if __name__ == "__main__":
    unittest.main()
