// SPDX-License-Identifier: MIT
// The numbers of the summary.
import { exact, percent, time } from "./numbers.js";

// [metric, name, figure, detail]
export function totalCards(profile, shown) {
  const { values } = profile;
  const totals = profile.sums(shown);
  const count = shown.length;
  const blocks = (number) => (number === undefined ? "" : `${exact(number)} ${number === 1 ? profile.blocksUnit.replace(/s$/, "") : profile.blocksUnit}`);
  const words = (...texts) => texts.filter((text) => text).join(" ");
  const sites = `at ${exact(count)} ${count === 1 ? "site" : "sites"}`;
  const cards = [];
  if (values.totalBytes)
    cards.push(["totalBytes", profile.verb === "Allocated" ? "Total" : profile.verb, profile.format("bytes", totals.totalBytes), words(blocks(totals.totalBlocks), sites)]);
  if (values.peakBytes) {
    const when = profile.peakTime ? `at ${time(profile.peakTime, profile.timeUnit)}` : "";
    cards.push(["peakBytes", "Peak", profile.format("bytes", totals.peakBytes), [blocks(totals.peakBlocks), when].filter((text) => text).join(", ")]);
  }
  if (values.endBytes) cards.push(["endBytes", "At end", profile.format("bytes", totals.endBytes), words(blocks(totals.endBlocks), "still live")]);
  if (values.lifetime) {
    cards.push(["lifetime", "Average lifetime", totals.totalBlocks ? time(totals.lifetime / totals.totalBlocks, profile.timeUnit) : "–", "from allocation to free"]);
  }
  if (values.lostBytes) cards.push(["lostBytes", "Lost", profile.format("bytes", totals.lostBytes), `${blocks(totals.lostBlocks)} that nothing points to`]);
  if (values.temporaryBlocks)
    cards.push(["temporaryBlocks", "Temporary", percent(totals.temporaryBlocks, totals.totalBlocks), `${blocks(totals.temporaryBlocks)} freed at once`]);
  if (values.copiedBytes) cards.push(["copiedBytes", "Copied by realloc", profile.format("bytes", totals.copiedBytes), `in ${exact(totals.moves)} moves`]);
  if (values.slackBytes) cards.push(["slackBytes", "Slack", profile.format("bytes", totals.slackBytes), `${percent(totals.slackBytes, totals.totalBytes)} beyond what was asked for`]);
  return cards;
}
