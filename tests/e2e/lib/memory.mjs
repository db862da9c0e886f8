// Memory of this browser's renderer processes, as Linux counts it: the proportional set size, shared pages by their part.
import { readFileSync, readdirSync } from "node:fs";

const parentOf = (pid) => Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop().split(" ")[1]);

/** Whether a process was started by this one, or by one that it started. */
function isOurs(pid) {
  for (; pid > 1; pid = parentOf(pid)) if (pid === process.pid) return true;
  return false;
}

/** Megabytes of the largest of our browsers' processes of a type ("renderer", "gpu-process"): now, and its peak resident set. */
export function megabytesOf(type) {
  const largest = { pss: 0, peakRss: 0 };
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`--type=${type}`) || !isOurs(Number(pid))) continue;
      const of = (file, word) => Number(new RegExp(`^${word}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"))[1]) * 1024 / 1e6;
      largest.pss = Math.max(largest.pss, of("smaps_rollup", "Pss"));
      largest.peakRss = Math.max(largest.peakRss, of("status", "VmHWM"));
    } catch {
      // It has ended meanwhile.
    }
  }
  return largest;
}

/** Watches until `stop`, which gives the peaks of the largest renderer and of the GPU process. */
export function watchMemory(everyMillis = 200) {
  const peak = { renderer: { pss: 0, peakRss: 0 }, gpu: { pss: 0, peakRss: 0 } };
  const look = () => {
    for (const [name, type] of [["renderer", "renderer"], ["gpu", "gpu-process"]]) {
      const now = megabytesOf(type);
      for (const key of Object.keys(now)) peak[name][key] = Math.max(peak[name][key], now[key]);
    }
  };
  const timer = setInterval(look, everyMillis);
  return { stop: () => { clearInterval(timer); look(); return peak; } };
}
