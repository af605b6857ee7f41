// SPDX-License-Identifier: MIT
// What was live at the end: the classes of --reach, the findings about leaks or why there is none, and the sites.
import { make } from "./dom.js";
import { leakFindings, list, whyNoLeak } from "./findings.js";
import { exact } from "./numbers.js";
import { Table, columnsOf } from "./table.js";

const CLASSES = [
  ["lost", "Definitely lost", "no pointer leads to the block"],
  ["indirect", "Indirectly lost", "only lost blocks point to the block"],
  ["possible", "Possibly lost", "pointers lead only to the middle of the block, or of one that points to it"],
  ["reachable", "Still reachable", "a pointer leads to the block, as in a cache or a global list"],
];
const COLUMNS = ["lostBytes", "indirectBytes", "possibleBytes", "reachableBytes", "endBytes", "endBlocks", "lifetime", "threads"];

class Candidates extends Table {
  tell() {
    const { profile, sites } = this;
    const all = profile.siteCount;
    this.status.textContent = `${exact(sites.length)} of ${exact(all)} ${all === 1 ? "site" : "sites"} had blocks that were live at the end`;
  }
}

export class Leaks {
  // on.show(site), on.showFinding(finding), on.metric(key)
  constructor(profile, on) {
    this.profile = profile;
    this.on = on;
    this.classes = make("tbody");
    this.element = make("div", {}, this.verdict(), this.stays(), this.known() ? this.table() : "");
    if (!this.known() || profile.old) return;
    this.candidates = new Candidates(profile, on, { prefix: "leaks-", label: "Live at the end", columns: columnsOf(profile, COLUMNS), second: "endBytes" });
    this.element.append(make("h3", {}, "Sites with blocks at the end"), this.candidates.element);
  }

  // Does the file say what was live at the end?
  known() {
    return Boolean(this.profile.values.endBytes);
  }

  hasReach() {
    return Boolean(this.profile.values.lostBytes);
  }

  verdict() {
    const { profile } = this;
    const code = (text) => make("code", {}, text);
    const parts = [];
    if (!this.known()) return make("p", { class: "empty", id: "leak-verdict" }, "The file does not say what was live at the end. ", code("ctrace record --reach PROGRAM"), " records it, and finds out what is lost.");
    if (profile.old) parts.push(make("p", { class: "empty" }, "Verdicts on leaks are about one recording: ", code("ctrace html NEW"), " shows those of the new one."));
    else if (leakFindings(profile).length) parts.push(list(profile, leakFindings(profile), (finding) => this.on.showFinding(finding)));
    else parts.push(make("p", { class: "empty" }, whyNoLeak(profile) || "Nothing is known about leaks."));
    if (!this.hasReach()) parts.push(make("p", { class: "note" }, "Which of these blocks the program had lost is not known. ", code("ctrace record --reach PROGRAM"), " finds out."));
    return make("div", { id: "leak-verdict" }, parts);
  }

  // What stays, and whether it is a leak, a cache that is full, or a sawtooth.
  stays() {
    const { profile } = this;
    if (profile.old || !profile.stays.length) return "";
    const row = ({ where, verdict, endBytes, site }) => make("li", {}, `${profile.format("bytes", endBytes)} in `, make("button", { type: "button", class: "name", title: "Show in graph", onclick: () => this.on.show(site) }, make("bdi", {}, where)), `: ${verdict}`);
    return make("ul", { id: "leak-stays", "aria-label": "What stays" }, profile.stays.map(row));
  }

  table() {
    const headings = this.profile.old ? ["Old", "New", "Change"] : ["Bytes", "Blocks"];
    const head = make("tr", {}, make("th", { scope: "col", class: "where" }, "At the end"), headings.map((text) => make("th", { scope: "col", class: "number plain" }, text)));
    return make("div", { class: "wide" }, make("table", { "aria-label": "Classes of what was live at the end", id: "leak-classes" }, make("thead", {}, head), this.classes));
  }

  rows() {
    const rows = this.hasReach() ? CLASSES : [];
    return [...rows, ["end", "In all", "live when the program ended"]];
  }

  set({ sites }) {
    const { profile } = this;
    if (!this.known()) return;
    this.classes.replaceChildren(...this.rows().map(([name, title, help]) => this.row(name, title, help, sites)));
    if (!this.candidates) return;
    const { endBytes, endBlocks } = profile.values;
    const left = sites.filter((site) => endBytes[site] || endBlocks?.[site]);
    this.candidates.set({ sites: left, extra: [] });
  }

  row(name, title, help, sites) {
    const { profile } = this;
    const [bytes, blocks] = [`${name}Bytes`, `${name}Blocks`];
    const cell = (heading, value, text) => make("td", { class: value ? "number" : "number zero", "data-value": value, "data-heading": heading }, value ? text : "–");
    const number = (heading, kind, value, signed) => cell(heading, value, (signed ? profile.formatSigned : profile.format).call(profile, kind, value));
    const sum = (values) => sites.reduce((total, site) => total + (values?.[site] ?? 0), 0);
    const button = make("button", { type: "button", class: "name", title: `Show in graph: ${title}`, onclick: () => this.on.metric(bytes) }, title);
    const where = make("td", { class: "where" }, button, make("span", { class: "callers" }, ` ${help}`));
    if (!profile.old) return make("tr", { "data-class": name }, where, number("Bytes", "bytes", sum(profile.values[bytes])), number("Blocks", "count", sum(profile.values[blocks])));
    const { old, new: now } = profile.changes[bytes] ?? { old: [], new: [] };
    return make("tr", { "data-class": name }, where, number("Old", "bytes", sum(old)), number("New", "bytes", sum(now)), number("Change", "bytes", sum(now) - sum(old), true));
  }
}
