// Taking part in the study with keys alone.
import assert from "node:assert/strict";

/** Consents with the keyboard: Tab to the box, Space, Tab to the button, Enter. */
export async function begin({ page, id }) {
  await id("consent").waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.dataset?.testid);
  for (const [target, key] of [["agree", "Space"], ["begin", "Enter"]]) {
    for (let n = 0; (await focused()) !== target; n += 1) {
      assert.ok(n < 40, `Tab never reaches ${target}`);
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press(key);
  }
  await atTrial(page, 0);
}

export const atTrial = (page, n) => page.locator(`[data-testid=trial][data-trial="${n}"]`).waitFor();

/** Answers trials `from` to `to` (excluded) with number keys; returns the last rating given. */
export async function answer({ page }, from, to) {
  let rating;
  for (let n = from; n < to; n += 1) {
    await atTrial(page, n);
    const instruction = page.getByTestId("instruction");
    if (await instruction.count()) {
      rating = /choose (\d)/.exec(await instruction.textContent())[1];
    } else {
      const [left, right] = [await page.getByTestId("left").textContent(), await page.getByTestId("right").textContent()];
      rating = left === right ? "7" : String(1 + ((left.length * right.length) % 6));
    }
    // The page takes a faster answer for a slip from the trial before.
    await page.waitForTimeout(260);
    await page.keyboard.press(rating);
  }
  return rating;
}
