#!/bin/bash
# shots.sh - takes the pictures of the web chat in docs/img from a real session with ember.
source "$(dirname "$0")/../tests/ui/lib.bash"
for CHROMIUM in chromium-headless-shell chromium; do
    CHROMIUM=$(command -v "$CHROMIUM") && break
done
[ -n "$CHROMIUM" ] || skip "there is no chromium"
work=$(packages "$HEARTH_SRC/tests/ui") || skip "npm could not get the packages"
start_server
cat >"$work/shots.mjs" <<'JS'
import { chromium } from 'playwright-core';
const [link, out] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
const page = await context.newPage();
await page.goto(link);
await page.waitForSelector('.model select option:not([value=""])', { state: 'attached' });
const say = async (text) => {
  await page.fill('#box', text);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.composer button[type=submit]');
};
for (const [first, second] of [['What is rain?', ''], ['Tell me a story about a ship.', ''], ['Hello! Who are you?', 'Where do you run?']]) {
  await page.click('.sidebar .primary');
  await say(first);
  if (second) await say(second);
}
await page.waitForTimeout(400);
await page.screenshot({ path: `${out}/chat-light.png` });
await page.emulateMedia({ colorScheme: 'dark' });
await page.keyboard.press('Control+,');
await page.waitForTimeout(400);
await page.screenshot({ path: `${out}/chat-dark.png` });
await page.keyboard.press('Escape');
await page.setViewportSize({ width: 390, height: 740 });
await page.reload();
await page.waitForSelector('article.assistant');
await page.waitForTimeout(400);
await page.screenshot({ path: `${out}/chat-phone.png` });
await browser.close();
JS
CHROMIUM=$CHROMIUM node "$work/shots.mjs" "$link" "$HEARTH_SRC/docs/img" || fails=1
stop_server
ls -l "$HEARTH_SRC"/docs/img/chat-*.png
exit $((fails > 0))
