// Measures the default model in a browser, as "This device" on the page of models does, on the processor and on the
// software adapter; prints the device cards and the seconds of a cold load. Usage: node bench.mjs [cpu] [gpu]
import { measure } from "./lib/measure.mjs";
import { startSite } from "./lib/site.mjs";

const site = await startSite({ model: true });
const projects = process.argv.slice(2);
for (const project of projects.length ? projects : ["cpu", "gpu"]) {
  console.log(JSON.stringify(await measure(site, project), null, 1));
}
await site.close();
