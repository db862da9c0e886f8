// Serves a folder on localhost, with byte ranges. Usage: node tools/serve.mjs [folder] [port]
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { pathToFileURL } from "node:url";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
  ".wasm": "application/wasm", ".json": "application/json", ".jsonl": "application/jsonl", ".svg": "image/svg+xml",
  ".png": "image/png", ".jpg": "image/jpeg", ".webmanifest": "application/manifest+json", ".gguf": "application/octet-stream",
  ".safetensors": "application/octet-stream",
};

/**
 * Starts a server of `folder` under `prefix` ("/" or "/a/b/"); `ranges: false` makes it as plain as the plainest host.
 * `open` reads a file from `start` to `end`; a test's own may break off. `extra` are headers of every answer.
 */
export function serve({ folder, port = 0, prefix = "/", ranges = true, open = createReadStream, extra = {} }) {
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url, "http://localhost");
    const path = decodeURIComponent(pathname);
    const fail = (code) => response.writeHead(code, { "content-type": "text/plain" }).end(String(code));
    if (request.method !== "GET" && request.method !== "HEAD") return fail(405);
    if (!path.startsWith(prefix)) return fail(404);
    const root = normalize(folder + sep);
    let file = normalize(join(root, path.slice(prefix.length)));
    if (!(file + sep).startsWith(root)) return fail(404);
    let stat = statSync(file, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      // Relative addresses need the slash at the end, as every static host does it.
      if (!path.endsWith("/")) return response.writeHead(301, { location: pathname + "/" + search }).end();
      file = join(file, "index.html");
      stat = statSync(file, { throwIfNoEntry: false });
    }
    let code = 200;
    if (!stat?.isFile()) {
      // As static hosts do it: the site's own page for what is not there, at the address that was asked for.
      file = join(root, "404.html");
      stat = statSync(file, { throwIfNoEntry: false });
      if (!stat?.isFile()) return fail(404);
      code = 404;
    }
    const headers = { ...extra, "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-cache" };
    if (ranges) headers["accept-ranges"] = "bytes";
    let start = 0, end = stat.size - 1;
    const range = ranges && code === 200 && /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
    if (range && (range[1] || range[2])) {
      start = range[1] ? Number(range[1]) : Math.max(0, stat.size - Number(range[2]));
      end = range[1] && range[2] ? Math.min(Number(range[2]), stat.size - 1) : stat.size - 1;
      if (start > end) return response.writeHead(416, { "content-range": `bytes */${stat.size}` }).end();
      code = 206;
      headers["content-range"] = `bytes ${start}-${end}/${stat.size}`;
    }
    headers["content-length"] = Math.max(0, end - start + 1);
    response.writeHead(code, headers);
    if (request.method === "HEAD" || stat.size === 0) return response.end();
    open(file, { start, end }).on("error", () => response.destroy()).pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, "127.0.0.1", () => resolve({
      url: `http://localhost:${server.address().port}${prefix}`,
      close: () => new Promise((done) => { server.closeAllConnections(); server.close(done); }),
    }));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = process.argv[2] ?? "dist";
  const port = Number(process.argv[3] ?? process.env.PORT ?? 8080);
  const started = await serve({ folder, port }).catch((error) => {
    console.error(error.code === "EADDRINUSE" ? `Port ${port} is taken; try PORT=${port + 1} make serve.` : error.message);
    process.exit(1);
  });
  console.log(`Likewise: ${started.url} (Ctrl+C ends it)`);
}
