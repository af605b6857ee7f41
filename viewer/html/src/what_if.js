// SPDX-License-Identifier: MIT
// What the blocks of the peak would take with other allocators, and where a slightly smaller size would take less.
import { make } from "./dom.js";
import { exact, percent } from "./numbers.js";

const counted = (count, one, many) => `${exact(count)} ${count === 1 ? one : many}`;

// show(site) shows it in the graph.
export function whatIf(profile, show) {
  const { whatIf: data } = profile;
  const bytes = (number) => profile.format("bytes", number);
  const cell = (number, text) => make("td", { class: "number", "data-value": number }, text);
  const row = ([name, taken]) => make("tr", { "data-allocator": name }, make("td", { class: "where" }, name), cell(taken, bytes(taken)), cell(taken - data.peakBytes, `+${percent(taken - data.peakBytes, data.peakBytes)}`));
  const head = ["Allocator", "Takes", "More"].map((text, i) => make("th", { scope: "col", class: i ? "number plain" : "where" }, text));
  const remarks = [
    data.recordedSlackBytes === undefined ? "" : `The allocator of this run added ${percent(data.recordedSlackBytes, data.peakBytes)}, its headers not counted.`,
    data.estimatedBytes ? `For ${percent(data.estimatedBytes, data.peakBytes)} of the bytes, sizes are known only by their power of two.` : "",
  ];
  const saved = (sizes) => Object.entries(sizes.saved).filter(([, number]) => number).map(([name, number]) => `${bytes(number)} with ${name}`).join(", ");
  const line = (name, text) => make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", {}, text)));
  const item = (sizes) =>
    make(
      "li",
      {},
      make("p", {}, make("b", {}, `${exact(sizes.smaller)} bytes instead of ${exact(sizes.bytes)}`)),
      make("dl", {}, line("Where", sizes.where), line("Because", `${counted(sizes.peakBlocks, "block", "blocks")} of ${exact(sizes.bytes)} bytes at the peak`), line("Saves", saved(sizes))),
      make("button", { type: "button", onclick: () => show(sizes.site) }, "Show in graph"),
    );
  return make(
    "div",
    {},
    make("p", { class: "status" }, `${bytes(data.peakBytes)} in ${counted(data.peakBlocks, "block", "blocks")} at the peak would take, by the size classes of each allocator:`),
    make("div", { class: "wide" }, make("table", { "aria-label": "What other allocators would take" }, make("thead", {}, make("tr", {}, head)), make("tbody", {}, Object.entries(data.takenBytes).map(row)))),
    make("p", { class: "status" }, remarks.filter(Boolean).join(" ")),
    data.smallerSizes.length ? make("ol", { class: "findings" }, data.smallerSizes.map(item)) : make("p", { class: "empty" }, "No size stands just above a size class for 1 % of the peak or more."),
  );
}
