// SPDX-License-Identifier: MIT
// Who grew: live bytes over time by the functions of the program's own code that allocated them, the largest ones stacked.
import { Chart } from "./chart.js";
import { make } from "./dom.js";
import { percent, time } from "./numbers.js";
import { END } from "./timeline.js";
import { Tooltip } from "./tooltip.js";

const LAYERS = 8;
const OTHERS = -1;
const PART = 1024; // smaller parts of what is live are not listed at all moments, so they belong to the others at every one
const PAUSE = 3; // as many usual distances without a moment are a pause, in which nothing changed

// What was live by function at each moment. Sites that do not pass the filters are left out.
function sums(profile, sites) {
  const all = sites.length === profile.siteCount && !profile.thread;
  const passes = all ? null : new Uint8Array(profile.siteCount);
  if (passes) for (const site of sites) passes[site] = 1;
  return profile.moments.map((moment) => {
    const { time: at, bytes } = moment;
    const byFunction = new Map();
    let known = 0;
    const add = (site, value) => {
      if (value * PART < bytes || !value || (passes && !passes[site])) return;
      const id = profile.frames.function[profile.ownFrame[site]];
      byFunction.set(id, (byFunction.get(id) ?? 0) + value);
      known += value;
    };
    profile.eachLive(moment, add);
    return { at, byFunction, bytes: all ? Math.max(bytes, known) : known };
  });
}

// The functions with the highest maxima, largest first.
function largest(moments) {
  const most = new Map();
  for (const { byFunction } of moments) for (const [id, bytes] of byFunction) most.set(id, Math.max(most.get(id) ?? 0, bytes));
  return [...most].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, LAYERS);
}

// A moment before each one that follows a pause, so that what happened at the end of the pause is not drawn over all of it.
function withPauses(moments) {
  const gaps = moments.slice(1).map(({ at }, i) => at - moments[i].at);
  const usual = [...gaps].sort((a, b) => a - b)[gaps.length >> 1];
  return moments.flatMap((moment, i) => (i && gaps[i - 1] > PAUSE * usual ? [{ ...moments[i - 1], at: moment.at - usual }, moment] : [moment]));
}

export class Grew {
  // on.choose(function) is called for a function that is clicked.
  constructor(profile, on) {
    this.profile = profile;
    this.on = on;
    this.chart = new Chart(() => this.draw(), (at, event) => this.point(at, event));
    this.tooltip = new Tooltip("grew-tooltip");
    this.legend = make("ul", { class: "legend layers", "aria-label": "Functions, by the most that each had live; a click focuses on one" });
    this.status = make("p", { class: "status", id: "grew-status" });
    this.element = make("div", {}, make("div", { class: "chart", id: "grew-chart", role: "img", "aria-label": "Live bytes over time by function, stacked" }, this.chart.element), this.legend, this.status);
    this.chart.area.onclick = (event) => this.click(event);
  }

  // sites: those that pass the filters
  set(sites) {
    const { profile } = this;
    const moments = sums(profile, sites);
    const functions = largest(moments);
    this.moments = withPauses(moments);
    this.layers = functions.map(([id, most], i) => ({ id, most, colour: `c${i + 1}`, name: profile.functionName(id) }));
    this.layers.push({ id: OTHERS, colour: "c0", name: "all others" });
    // For each layer, what is at or below it at each moment.
    let below = this.moments.map(() => 0);
    for (const layer of this.layers) {
      layer.below = below;
      layer.value = this.moments.map(({ byFunction, bytes }, i) => (layer.id === OTHERS ? bytes - below[i] : (byFunction.get(layer.id) ?? 0)));
      below = below.map((bytes, i) => bytes + layer.value[i]);
    }
    this.top = below;
    const left = this.layers.at(-1).value.reduce((a, b) => Math.max(a, b), 0);
    if (left <= 0) this.layers.pop();
    this.legend.replaceChildren(...this.layers.map((layer) => make("li", {}, this.entry(layer))));
    const most = { x: Math.max(profile.endTime, profile.timeline.time.at(-1)) * (1 + END) || 1, y: below.reduce((a, b) => Math.max(a, b), 1) * 1.04 };
    this.chart.set({ most, show: { x: (value) => time(value, profile.timeUnit), y: (value) => profile.format("bytes", value) }, timeUnit: profile.timeUnit });
    this.tell();
  }

  entry(layer) {
    const swatch = make("span", { class: `swatch ${layer.colour}` });
    if (layer.id === OTHERS) return make("span", {}, swatch, layer.name);
    const text = `${layer.name}, up to ${this.profile.format("bytes", layer.most)}`;
    const button = make("button", { type: "button", "data-function": layer.id, title: this.profile.functionFullName(layer.id), onclick: () => this.on.choose(layer.id) }, swatch, make("bdi", {}, text));
    button.onmouseenter = button.onfocus = () => this.mark(layer);
    button.onmouseleave = button.onblur = () => this.mark(null);
    return button;
  }

  draw() {
    const { chart, moments } = this;
    const point = (i, bytes) => `${chart.x(moments[i].at).toFixed(1)} ${chart.y(bytes).toFixed(1)}`;
    for (const layer of this.layers) {
      const upper = moments.map((_, i) => point(i, layer.below[i] + layer.value[i]));
      const lower = moments.map((_, i) => point(i, layer.below[i])).reverse();
      layer.path = chart.add("path", { class: `layer ${layer.colour}`, d: `M${[...upper, ...lower].join("L")}Z`, "data-function": layer.id });
    }
  }

  // Makes one layer stand out; null: none.
  mark(layer) {
    for (const { path } of this.layers) path?.classList.toggle("quiet", layer !== null && path !== layer.path); // no path yet: a button that is replaced loses the focus
  }

  // The layer at a place, and what it had then.
  find(at, event) {
    const { chart, moments } = this;
    const next = moments.findIndex((moment) => moment.at >= at);
    if (next < 0) return null;
    const before = Math.max(next - 1, 0);
    const part = next === before ? 0 : (at - moments[before].at) / (moments[next].at - moments[before].at || 1);
    const mix = (list) => list[before] + (list[next] - list[before]) * part;
    const bytes = chart.bytesAt(event);
    const layer = this.layers.find((one) => bytes >= mix(one.below) && bytes < mix(one.below) + mix(one.value));
    return layer ? { layer, bytes: mix(layer.value), all: mix(this.top), at } : null;
  }

  point(at, event) {
    const found = at === null ? null : this.find(at, event);
    this.mark(found?.layer ?? null);
    this.chart.area.classList.toggle("clickable", Boolean(found && found.layer.id !== OTHERS));
    if (!found) {
      this.tooltip.show(event, null);
      return;
    }
    const { format, timeUnit } = this.profile;
    const name = found.layer.id === OTHERS ? "all others" : this.profile.functionFullName(found.layer.id);
    const share = `${format.call(this.profile, "bytes", found.bytes)} of ${format.call(this.profile, "bytes", found.all)} live, ${percent(found.bytes, found.all)}`;
    this.tooltip.show(event, [name, share, `at ${time(at, timeUnit)}`]);
  }

  click(event) {
    const found = this.find(this.chart.value(this.chart.at(event)), event);
    if (!found || found.layer.id === OTHERS) return;
    this.tooltip.show(event, null);
    this.on.choose(found.layer.id);
  }

  tell() {
    this.status.textContent = "The program's own functions, with what libraries allocated for them. Stacks with less than a thousandth of what was live count as others. A click focuses on a function.";
  }
}
