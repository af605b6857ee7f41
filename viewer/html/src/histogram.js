// SPDX-License-Identifier: MIT
// The histograms of a site: how large its blocks were, and how long the freed ones had lived, as small bars.
import { make } from "./dom.js";
import { exact, percent } from "./numbers.js";

const WIDTH = 7; // of a column and its gap, in pixels
const HEIGHT = 22;
const KINDS = [["sizes", "Blocks by size", "bytes"], ["lifetimes", "Freed blocks by lifetime", "time"]];

// Where the blocks of each site begin in the list of all.
function startsOf(kind) {
  if (!kind.at) {
    kind.at = new Uint32Array(kind.count.length);
    for (let site = 1; site < kind.at.length; site++) kind.at[site] = kind.at[site - 1] + kind.count[site - 1];
  }
  return kind.at;
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function bars(blocks, range, label) {
  const most = Math.max(...blocks);
  const columns = blocks.map((number, i) => {
    const height = number ? Math.max(1, (number / most) * HEIGHT) : 0;
    const title = svg("title", {}, `${range(i, i)}: ${exact(number)}`);
    return svg("rect", { x: i * WIDTH, y: HEIGHT - height, width: WIDTH - 1, height, fill: "currentColor", "fill-opacity": 0.6 }, title);
  });
  const width = blocks.length * WIDTH;
  return svg("svg", { class: "histogram", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label }, ...columns);
}

function fact(profile, site, [name, label, format]) {
  const kind = profile.histograms[name];
  const from = startsOf(kind)[site];
  const blocks = kind.blocks.slice(from, from + kind.count[site]);
  const edge = (bucket) => (format === "time" ? profile.format("time", kind.starts[bucket] / 1000) : profile.format("bytes", kind.starts[bucket]));
  const range = (first, last) => {
    const [low, high] = [kind.low[site] + first, kind.low[site] + last + 1];
    return high < kind.starts.length ? `${edge(low)} to ${edge(high)}` : `from ${edge(low)}`;
  };
  if (!blocks.length) return make("div", {}, make("dt", {}, label), make("dd", {}, "none"));
  const most = blocks.indexOf(Math.max(...blocks));
  const all = blocks.reduce((sum, number) => sum + number, 0);
  const whole = range(0, blocks.length - 1);
  const text = blocks.length > 1 ? `${whole}; ${percent(blocks[most], all)} ${range(most, most)}` : whole;
  return make("div", {}, make("dt", {}, label), make("dd", {}, bars(blocks, range, `${label}: ${text}`), " ", text));
}

// "" if they were not recorded.
export function histograms(profile, site) {
  return profile.histograms ? make("dl", { class: "facts" }, KINDS.map((kind) => fact(profile, site, kind))) : "";
}
