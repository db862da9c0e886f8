// Packets of simulated participants of a study of pairs, made without the program: its seeded order, its records and its
// hash chain written a second time. Every record says that a program answered.
import { createHash } from "node:crypto";

const MASK = (1n << 64n) - 1n;
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** PCG32 as in src/stats/rng.rs. */
class Pcg32 {
  constructor(seed) {
    let mix = BigInt(seed);
    const next = () => {
      mix = (mix + 0x9e3779b97f4a7c15n) & MASK;
      let z = mix;
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
      return z ^ (z >> 31n);
    };
    const [state, stream] = [next(), next()];
    this.increment = ((stream << 1n) | 1n) & MASK;
    this.state = 0n;
    this.bits();
    this.state = (this.state + state) & MASK;
    this.bits();
  }
  bits() {
    const old = this.state;
    this.state = (old * 6364136223846793005n + this.increment) & MASK;
    const shifted = (((old >> 18n) ^ old) >> 27n) & 0xffffffffn;
    const turn = old >> 59n;
    return ((shifted >> turn) | (shifted << (32n - turn))) & 0xffffffffn;
  }
  below(n) {
    if (n <= 1) return 0;
    const limit = (MASK + 1n - BigInt(n)) % BigInt(n);
    for (;;) {
      const value = (this.bits() << 32n) | this.bits();
      if (value >= limit) return Number(value % BigInt(n));
    }
  }
  shuffle(values) {
    for (let last = values.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      [values[last], values[other]] = [values[other], values[last]];
    }
  }
}

/** The pairs of a session, as src/study/pair_rating.rs lays them out. */
function pairsOf(n, seed) {
  const rng = new Pcg32(seed);
  const circle = [...Array(n).keys()];
  rng.shuffle(circle);
  const pairs = [];
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 1; j < n; j += 1) {
      const distance = 2 * (j - i);
      const forward = distance < n || (distance === n && rng.below(2) === 0);
      pairs.push(forward ? [circle[i], circle[j]] : [circle[j], circle[i]]);
    }
  }
  rng.shuffle(pairs);
  return pairs;
}

/** The packet of one participant; `rate` gives a number of the scale for two places among the stimuli. */
export function packetOf(study, seed, rate) {
  // Moments and times with a fraction are written alike here and there.
  const start = 1_700_000_000_000.5;
  const session = {
    schema: 1, id: `simulated-${seed}`, study_id: study.id, study_version: study.version, study_sha256: sha256(JSON.stringify(study)),
    seed, consent: { version: study.consent.version, at: start }, started_at: start,
    n_trials: (study.stimuli.length * (study.stimuli.length - 1)) / 2, labeller: "simulation", simulated: true,
  };
  let head = sha256(JSON.stringify(session));
  const acts = pairsOf(study.stimuli.length, seed).map((pair, seq) => {
    const answer = { kind: "rating", rating: rate(...pair) };
    const [rt, at] = [900.25, start + 1000 * (seq + 1)];
    head = sha256(JSON.stringify({
      schema: 1, uuid: `${session.id}-${String(seq).padStart(5, "0")}`, seq, session_id: session.id, study_id: study.id,
      study_version: study.version, trial_index: seq, trial: { kind: "main" }, stimuli: pair.map((place) => study.stimuli[place].id),
      answer: { outcome: "answered", answer }, rt_millis: rt, shown_at: at - rt, at, input: "keyboard", focus_losses: 0, undo_count: 0,
      labeller: "simulation", simulated: true, previous: head,
    }));
    return [answer, rt, at, "keyboard", 0];
  });
  return `likewise1:${Buffer.from(JSON.stringify({ session, acts, head })).toString("base64url")}.`;
}
