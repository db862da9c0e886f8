// A server that takes sessions as DataPipe does, or as a generic one, over https on this machine; and one that fails,
// is slow, cuts its reply off or keeps only half. Its certificate is made for the test.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * `plan` says what becomes of each request, in turn; afterwards all are taken: "take", "fail" (503), "refuse" (400),
 * "slow" (taken, the reply after 3 seconds), "cut" (taken, the connection breaks within the reply), "half" (keeps half
 * and says so), "drop" (breaks before reading).
 * `files` holds what is kept, by key.
 */
export async function startCollector(plan = []) {
  const folder = mkdtempSync(join(tmpdir(), "likewise-collector-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
    "-out", cert, "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], { stdio: "ignore" });
  const files = new Map();
  const requests = [];
  const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "content-type, idempotency-key", "access-control-allow-methods": "POST" };
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    if (request.method === "OPTIONS") return response.writeHead(204, cors).end();
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString());
      const act = plan.shift() ?? "take";
      const isPipe = "experimentID" in body;
      const key = isPipe ? body.filename : request.headers["idempotency-key"];
      requests.push({ act, key, body, headers: request.headers });
      const reply = (code, value) => response.writeHead(code, { ...cors, "content-type": "application/json" }).end(JSON.stringify(value));
      if (act === "drop") return request.socket.destroy();
      if (act === "fail") return reply(503, { message: "away" });
      if (act === "refuse") return reply(400, { error: "DATA_COLLECTION_NOT_ACTIVE", message: "Data collection is not active" });
      if (isPipe && files.has(key)) return reply(400, { error: "OSF_FILE_EXISTS", message: "A file of this name exists" });
      const data = act === "half" ? body.data.slice(0, body.data.length / 2) : body.data;
      // A generic server keeps what it got whole under a key.
      if (act !== "half" && !files.has(key)) files.set(key, data);
      if (act === "cut") {
        response.writeHead(201, { ...cors, "content-type": "application/json", "content-length": "100" });
        response.write('{"mess');
        return setTimeout(() => request.socket.destroy(), 50);
      }
      const answer = () => reply(201, isPipe ? { message: "Success" } : { bytes: Buffer.byteLength(data) });
      return act === "slow" ? setTimeout(answer, 3000) : answer();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${server.address().port}/api/data/`,
    host: `127.0.0.1:${server.address().port}`,
    files, requests,
    close: () => new Promise((done) => { rmSync(folder, { recursive: true }); server.closeAllConnections(); server.close(done); }),
  };
}
