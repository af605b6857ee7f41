// SPDX-License-Identifier: MIT
// What a reader has chosen, in terms that also hold for other data: names and times in place of numbers of functions,
// stacks and moments. So the page can show new data without a reload.
import * as state from "./state.js";

const stackKey = (profile, site) => profile.stack(site).map((frame) => `${profile.functionFullName(profile.frames.function[frame])} ${profile.frames.line[frame]}`).join("\n");

export function keep({ profile, graph, table, functions, range, search, view }) {
  const focused = document.activeElement;
  return {
    view,
    zoom: graph.tree.path(graph.zoomed).map((node) => profile.functionFullName(node.function)),
    times: range && [range.from, range.to].map((i) => profile.moments[i]),
    sort: table.sort,
    hidden: [...table.hidden],
    rows: table.rows,
    open: [...table.open].map((site) => ({ name: profile.functionFullName(profile.frames.function[profile.ownFrame[site]]), stack: stackKey(profile, site) })),
    chosen: functions.chosen === undefined ? undefined : profile.functionFullName(functions.chosen),
    focus: focused?.id,
    caret: focused === search ? [search.selectionStart, search.selectionEnd] : null,
    graphTop: graph.box.scrollTop,
    top: scrollY,
  };
}

function idsByName(profile) {
  const ids = new Map();
  profile.functions.short.forEach((_, id) => {
    if (!ids.has(profile.functionFullName(id))) ids.set(profile.functionFullName(id), id);
  });
  return ids;
}

// The index of the moment that is the same one (peak, end), or the nearest one in time.
function momentLike(moments, { name, time }) {
  const same = name ? moments.findIndex((moment) => moment.name === name) : -1;
  if (same >= 0) return same;
  return moments.reduce((best, moment, i) => (Math.abs(moment.time - time) < Math.abs(moments[best].time - time) ? i : best), 0);
}

// The address for what was kept, with the new data's numbers.
export function addressFor(profile, kept) {
  const ids = idsByName(profile);
  const found = kept.zoom.map((name) => ids.get(name));
  const known = found.includes(undefined) ? found.slice(0, found.indexOf(undefined)) : found;
  const [from, to] = kept.times && profile.moments.length ? kept.times.map((moment) => momentLike(profile.moments, moment)) : [];
  return `#${state.write({ ...kept.view, zoom: state.path(known), from, to })}`;
}

// The rest, once the new data is shown at that address.
export function restoreKept({ profile, graph, table, functions, search }, kept) {
  for (const key of kept.hidden) table.hide(key);
  if (table.has(kept.sort.key)) table.sort = kept.sort;
  const wanted = new Map(kept.open.map(({ name, stack }) => [stack, name]));
  const names = new Set(wanted.values());
  for (let site = 0; wanted.size && site < profile.siteCount; site++)
    if (names.has(profile.functionFullName(profile.frames.function[profile.ownFrame[site]])) && wanted.has(stackKey(profile, site))) table.open.add(site);
  table.rows = kept.rows;
  table.draw();
  if (kept.chosen !== undefined) {
    const id = idsByName(profile).get(kept.chosen);
    if (functions.rows) functions.choose(id);
    else functions.chosen = id;
  }
  if (kept.focus) document.getElementById(kept.focus)?.focus({ preventScroll: true });
  if (kept.caret) search.setSelectionRange(...kept.caret);
  graph.box.scrollTop = kept.graphTop;
  scrollTo(0, kept.top);
}
