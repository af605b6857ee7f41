// SPDX-License-Identifier: MIT
// Which sites and frames are shown, with pprof's meaning: *focus* keeps the sites with a matching call, *ignore* drops
// them, *hide* takes matching calls out of the stacks. *thread* keeps what one thread allocated.
import { make } from "./dom.js";

export const KINDS = ["focus", "ignore", "hide", "thread"];

// A regular expression without regard to case or, if it is none, plain text.
export function patternOf(text) {
  try {
    return { pattern: new RegExp(text, "i"), plain: false };
  } catch {
    return { pattern: { test: (name) => name.toLowerCase().includes(text.toLowerCase()) }, plain: true };
  }
}

export const exactly = (name) => `^${name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}$`;

// A flag for each function: does its name, file or module match?
export function matchingFunctions(profile, pattern) {
  return profile.functions.short.map((short, id) =>
    [short, profile.functionFullName(id), profile.texts[profile.functions.file[id]], profile.functionModule(id)].some((name) => pattern.test(name)),
  );
}

export class Filters {
  constructor(profile, changed) {
    this.profile = profile;
    this.changed = changed;
    this.list = [];
    this.element = make("ul", { class: "filters", id: "filters", "aria-label": "Filters in force", hidden: "" });
  }

  get(kind) {
    return this.list.filter((filter) => filter.kind === kind).map(({ text }) => text);
  }

  set(list) {
    this.list = list;
    this.element.hidden = !list.length;
    this.element.replaceChildren(
      ...list.map((filter) =>
        make("li", {}, `${filter.kind} `, make("bdi", {}, filter.text), make("button", { type: "button", "aria-label": `Remove ${filter.kind} ${filter.text}`, onclick: () => this.remove(filter) }, "×")),
      ),
    );
  }

  add(kind, text) {
    if (!text || this.get(kind).includes(text)) return;
    // A stack is on one thread, so another thread takes the place of the one before.
    this.set([...this.list.filter((filter) => kind !== "thread" || filter.kind !== kind), { kind, text }]);
    this.changed();
  }

  remove(filter) {
    this.set(this.list.filter((other) => other !== filter));
    this.changed();
  }

  // The number of the chosen thread, from 1; 0: all; -1: it is not in the recording.
  thread() {
    const [name] = this.get("thread");
    return name === undefined ? 0 : this.profile.threads.findIndex((thread) => thread.name === name) + 1 || -1;
  }

  // The sites that pass, with `more`, flags by function, as one more focus.
  sites(more) {
    const { present } = this.profile;
    const passing = this.passing(more);
    return present ? passing.filter((site) => present[site]) : passing;
  }

  // The same, whatever their threads.
  passing(more) {
    const { profile } = this;
    const flagged = (kind) => this.get(kind).map((text) => profile.sitesWith(matchingFunctions(profile, patternOf(text).pattern)));
    const keep = flagged("focus");
    const drop = flagged("ignore");
    if (more) keep.push(profile.sitesWith(more));
    const all = Int32Array.from({ length: profile.siteCount }, (_, site) => site);
    if (!keep.length && !drop.length) return all;
    return all.filter((site) => keep.every((flags) => flags[site]) && !drop.some((flags) => flags[site]));
  }

  // Flags by function: hidden or not; null: none is.
  hidden() {
    const flags = this.get("hide").map((text) => matchingFunctions(this.profile, patternOf(text).pattern));
    return flags.length ? this.profile.functions.short.map((_, id) => flags.some((list) => list[id])) : null;
  }
}
