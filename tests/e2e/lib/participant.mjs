// A made-up participant with nothing but a keyboard. What it answers is written into the page of a fresh test profile,
// which is thrown away.
import assert from "node:assert/strict";
import { atTrial } from "./study.mjs";

/** Presses Tab until the element with this test id has the focus, then the key. */
export async function pressOn(page, target, key = "Enter") {
  const focused = () => page.evaluate(() => document.activeElement?.dataset?.testid);
  for (let n = 0; (await focused()) !== target; n += 1) {
    assert.ok(n < 90, `Tab never reaches ${target}`);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press(key);
}

/** Agrees and begins, whatever the study begins with. */
export async function agree({ page, id }) {
  await id("consent").waitFor();
  await pressOn(page, "agree", "Space");
  await pressOn(page, "begin");
  await atTrial(page, 0);
}

/** What is on the screen, so that it can be compared with the screen after a reload. */
export async function screen(page) {
  const trial = page.getByTestId("trial");
  return { trial: await trial.getAttribute("data-trial"), text: await trial.innerText() };
}

async function keysOf(page, study) {
  const count = (name) => page.getByTestId(name).count();
  const trial = page.getByTestId("trial");
  const text = async (name) => (await count(name)) ? page.getByTestId(name).first().innerText() : "";
  if (await trial.locator("[data-testid^=option-]").count()) {
    const asked = await trial.innerText();
    const question = study.comprehension.find((one) => asked.includes(one.text));
    return [String(question.right + 1)];
  }
  const said = await text("instruction");
  const wanted = /choose (?:the word )?(\w+) now/.exec(said)?.[1];
  switch (study.design.kind) {
    case "pair_rating": return [wanted ?? String(1 + (await trial.innerText()).length % study.design.scale.max)];
    case "triplet": {
      if (!wanted) return [String(1 + (await trial.innerText()).length % 3)];
      for (const place of [1, 2, 3]) if ((await text(`odd-${place}`)).includes(wanted)) return [String(place)];
      throw new Error(`${wanted} is not shown`);
    }
    case "preference": return [["1", "2", "3", "4", "ArrowLeft", "ArrowRight"][Number(await trial.getAttribute("data-trial")) % 6]];
    case "label": {
      const asked = await text("question");
      const named = study.design.labels.findIndex((label) => asked.includes(label.text) && asked.includes("choose"));
      const label = named >= 0 ? named + 1 : Number(await trial.getAttribute("data-trial")) % (study.design.labels.length + 1);
      const key = "0123456789abc"[label];
      return study.design.confidence ? [key, "3"] : [key];
    }
    case "anchored_triplet": return [["1", "2", "ArrowLeft", "ArrowRight"][Number(await trial.getAttribute("data-trial")) % 4]];
    case "answer_rating": return study.design.axes.map((_, axis) => String(1 + (axis + Number(study.n_repeats)) % study.design.scale.max));
    default: throw new Error(`no keys for ${study.design.kind}`);
  }
}

/** Types a name, which holds keys that elsewhere take answers back; every third thing cannot be told. */
async function name(page, n) {
  assert.equal(await page.evaluate(() => document.activeElement?.dataset?.testid), "free-name", "the field has the focus");
  if (n % 3 === 2) return pressOn(page, "cannot-tell");
  await page.keyboard.type(`u1 Bugle ${n}`);
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Enter");
}

/** Puts everything on the field with Tab and the arrow keys. */
async function arrange(page, n) {
  const things = page.locator("[data-testid^=thing-]");
  const count = await things.count();
  assert.ok(await page.getByTestId("arranged").isDisabled(), "nothing can be handed in before everything lies somewhere");
  for (let thing = 0; thing < count; thing += 1) {
    await pressOn(page, `thing-${thing}`, ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"][(thing + n) % 4]);
    for (let step = 0; step < thing; step += 1) await page.keyboard.press(thing % 2 ? "Shift+ArrowRight" : "ArrowDown");
  }
  assert.match(await page.getByTestId("placed").textContent(), /% from the left, \d+ % from the top/);
  await pressOn(page, "arranged");
}

/** Answers the trial that is shown and waits until it is saved and the next screen is there. */
export async function answerOne(page, study) {
  const trial = page.getByTestId("trial");
  const n = Number(await trial.getAttribute("data-trial"));
  // The page takes a faster answer for a slip from the trial before.
  await page.waitForTimeout(260);
  const asks = (await trial.locator("[data-testid^=option-]").count()) > 0;
  if (study.design.kind === "free_label" && !asks) await name(page, n);
  else if (study.design.kind === "arrangement" && !asks) await arrange(page, n);
  else for (const key of await keysOf(page, study)) await page.keyboard.press(key);
  const next = [`[data-testid=trial][data-trial="${n + 1}"]`, ...["break", ...ENDS].map((name) => `[data-testid=${name}]`)];
  await page.locator(next.join(", ")).first().waitFor();
  return n;
}

const ENDS = ["judge-end", "preview-end"];

/** Goes on to the end; `before` is called with the number of each trial before it is answered. */
export async function goThrough({ page, id }, study, before = async () => {}) {
  const screens = ["trial", "break", ...ENDS].map((name) => `[data-testid=${name}]`).join(", ");
  for (;;) {
    const screen = page.locator(screens).first();
    await screen.waitFor();
    const name = await screen.getAttribute("data-testid");
    if (ENDS.includes(name)) return;
    if (name === "break") { await pressOn(page, "go-on"); continue; }
    await before(Number(await id("trial").getAttribute("data-trial")));
    await answerOne(page, study);
  }
}
