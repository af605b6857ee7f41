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

const relative = (old, now) => (old > 0 ? `, ${now < old ? "−" : "+"}${percent(Math.abs(now - old), old).replace(" ", "\u00a0")}` : "");

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
