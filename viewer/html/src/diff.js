// SPDX-License-Identifier: MIT
// The parts of the page that differ for two profiles: changes and their causes.
import { make } from "./dom.js";
import { base } from "./data.js";
import { exact, percent } from "./numbers.js";

const CAUSES = [
  ["moreBlocks", "More", "part of the change that is from more or fewer blocks"],
  ["biggerBlocks", "Bigger", "part that is from bigger or smaller blocks"],
  ["longerLife", "Longer", "part that is from blocks living longer or shorter"],
];

const NOTHING = percent(0, 1);

// ", +3.1 %"; a change that rounds to nothing has no direction
function relative(old, now) {
  if (!(old > 0)) return "";
  const part = percent(Math.abs(now - old), old);
  return `, ${part === NOTHING ? "±" : now < old ? "−" : "+"}${part.replace(" ", "\u00a0")}`;
}

// Is a change too small to have a colour?
export const isSlight = (change, old) => old > 0 && percent(Math.abs(change), old) === NOTHING;

// Buttons that keep only sites with some kinds of change; with several, those of any of them.
const KINDS = [
  ["new", "New", "sites that only the new recording has"],
  ["gone", "Gone", "sites that only the old recording has"],
  ["moreBlocks", "More", "sites that changed mostly because of more or fewer blocks"],
  ["biggerBlocks", "Bigger", "sites that changed mostly because of bigger or smaller blocks"],
  ["longerLife", "Longer", "sites that changed mostly because blocks lived longer or shorter"],
];

export class ChangeKinds {
  constructor(profile, changed) {
    this.profile = profile;
    this.list = [];
    this.buttons = KINDS.map(([kind, text, help]) => make("button", { type: "button", "data-kind": kind, "aria-pressed": "false", title: help, onclick: () => (this.toggle(kind), changed()) }, text));
    this.element = make("div", { class: "controls kinds", role: "group", "aria-label": "Kinds of change" }, "Only ", this.buttons);
  }

  set(list) {
    this.list = KINDS.map(([kind]) => kind).filter((kind) => list.includes(kind));
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(this.list.includes(button.dataset.kind)));
  }

  toggle(kind) {
    this.set(this.list.includes(kind) ? this.list.filter((other) => other !== kind) : [...this.list, kind]);
  }

  // The sites whose change of a metric is of a chosen kind. A metric that has not all causes has fewer kinds.
  filter(sites, metric) {
    const { profile } = this;
    const { causes } = profile.changes[metric];
    for (const button of this.buttons) button.disabled = CAUSES.some(([cause]) => cause === button.dataset.kind) && !causes[button.dataset.kind];
    if (!this.list.length) return sites;
    const known = CAUSES.map(([cause]) => cause).filter((cause) => causes[cause]);
    return sites.filter((site) => {
      if (this.list.includes(profile.state(site))) return true;
      if (profile.state(site) || !profile.values[metric][site]) return false;
      const main = known.reduce((best, cause) => (Math.abs(causes[cause][site]) > Math.abs(causes[best]?.[site] ?? 0) ? cause : best), "");
      return this.list.includes(main);
    });
  }
}

// "12 MiB → 14 MiB, +16.7 %"
const bothSides = (profile, kind, old, now) => `${profile.format(kind, old)} → ${profile.format(kind, now)}${relative(old, now)}`;

// The columns of a metric: first the change, then its causes, which add up to it.
export function changeColumns(profile, { key, kind }) {
  const { old, new: now, causes } = profile.changes[key];
  const plain = (list) => (site) => list[site];
  return [
    { key: "change", heading: "Change", help: "new minus old", kind, signed: true, value: plain(profile.values[key]) },
    ...CAUSES.filter(([cause]) => causes[cause]).map(([cause, heading, help]) => ({ key: cause, heading, help, kind, signed: true, value: plain(causes[cause]) })),
    { key: "old", heading: "Old", help: "in the old recording", kind, value: plain(old) },
    { key: "new", heading: "New", help: "in the new recording", kind, value: plain(now) },
  ];
}

// The old and new values of all metrics of a site.
export function changesOf(profile, site) {
  const items = profile.metrics.map(({ key, label, kind }) => {
    const { old, new: now } = profile.changes[key];
    const text = old[site] === now[site] ? `${profile.format(kind, old[site])}, as before` : bothSides(profile, kind, old[site], now[site]);
    return make("div", {}, make("dt", {}, label), make("dd", {}, text));
  });
  return make("dl", { class: "facts" }, items);
}

// [metric, name, figure, detail]
export function changeCards(profile, sites) {
  const shown = ["totalBytes", "totalBlocks", "peakBytes", "endBytes", "temporaryBlocks", "copiedBytes"];
  return profile.metrics
    .filter(({ key }) => shown.includes(key))
    .map(({ key, label, kind }) => {
      const sum = (side) => (sites.length === profile.siteCount ? (side === "old" ? profile.old : profile).totals[key] : sites.reduce((total, site) => total + profile.changes[key][side][site], 0));
      const [old, now] = [sum("old"), sum("new")];
      return [key, label, old === now ? "no change" : profile.formatSigned(kind, now - old), bothSides(profile, kind, old, now)];
    });
}

// The two profiles that are compared.
export function sides(profile) {
  const side = (name, { file, command }) => make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", { title: file }, base(file)), make("bdi", { class: "command" }, command)));
  return make("dl", { class: "sides" }, side("Old", profile.old), side("New", profile));
}

export function changeHelp(profile, values) {
  let grown = 0;
  let shrunk = 0;
  for (const value of values) {
    if (value > 0) grown++;
    if (value < 0) shrunk++;
  }
  return `${exact(grown)} ${grown === 1 ? "site has" : "sites have"} grown, ${exact(shrunk)} shrunk. Calls are as wide as what changed in them, up or down`;
}
