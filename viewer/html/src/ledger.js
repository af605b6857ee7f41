// SPDX-License-Identifier: MIT
// Where the process's resident memory was, if a ledger was taken.
import { make } from "./dom.js";
import { percent } from "./numbers.js";

const ROWS = {
  live: "live blocks, as requested",
  slack: "slack: what the allocator added to them",
  free: "free memory that the allocator keeps",
  heads: "the allocator's own: heads of blocks",
  stacks: "stacks of threads",
  mapped: "anonymous mappings without blocks",
  files: "files: program, libraries, data",
  shared: "shared memory",
  ctrace: "ctrace's own",
  unexplained: "unexplained",
};

export function ledger(profile) {
  const { memory } = profile;
  if (!memory) return null;
  const bytes = (number) => (number < 0 ? "−" : "") + profile.format("bytes", Math.abs(number));
  const row = (number, words) =>
    make("tr", {}, make("td", { class: "number" }, bytes(number)), make("td", { class: "number" }, percent(number, memory.rssBytes)), make("td", { class: "where" }, words));
  const parts = (key) =>
    (memory.parts ?? []).filter((part) => part.row === key).map((part) => row(part.residentBytes, make("span", { class: "part" }, `${part.site}, of ${bytes(part.mappedBytes)} mapped`)));
  const rows = Object.entries(ROWS)
    .filter(([key]) => memory.rows[key] || key === "unexplained")
    .flatMap(([key, words]) => [row(memory.rows[key], words), ...parts(key)]);
  const hint = memory.mappings || !(memory.rows.mapped || memory.rows.stacks) ? "" : make("p", { class: "status" }, "A recording with --mmap names the sites of anonymous mappings and of stacks.");
  const pinned = memory.exact ? `, ${bytes(memory.pinnedBytes)} are free but pinned, ${bytes(memory.wholePageBytes)} are free in whole pages` : "";
  const untouched = memory.liveUntouchedBytes ? `. Of the live blocks, ${bytes(memory.liveUntouchedBytes)} were never touched` : "";
  const head = ["Resident", "%", "Where"].map((text, i) => make("th", { scope: "col", class: i < 2 ? "number" : "where" }, text));
  return make(
    "div",
    {},
    make("p", { class: "status" }, `The heap holds ${bytes(memory.heapBytes)}: ${bytes(memory.rows.live)} are live${pinned}${untouched}.`),
    make("div", { class: "wide" }, make("table", { "aria-label": "Where the memory is" }, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows, row(memory.rssBytes, "RSS")))),
    hint,
  );
}
