// SPDX-License-Identifier: MIT
// The functions as a table: what each allocates itself and together with what it calls. A chosen function is shown with
// its callers above and what it calls below.
import { make } from "./dom.js";
import { base } from "./data.js";
import { Graph } from "./graph.js";
import { linkOf, place } from "./links.js";
import { exact, percent } from "./numbers.js";
import { Tree } from "./tree.js";

const ROWS = 100;

// The profile with a part of each stack: from the root to the function, or from the function on.
function cut(profile, sites, id, callers) {
  const part = Object.create(profile);
  part.stackStart = new Int32Array(profile.siteCount + 1);
  const kept = [];
  const functions = [];
  const nodes = [];
  const wanted = new Uint8Array(profile.siteCount);
  for (const site of sites) wanted[site] = 1;
  for (let site = 0; site < profile.siteCount; site++) {
    const [start, end] = [profile.stackStart[site], profile.stackStart[site + 1]];
    const at = wanted[site] ? profile.stackFunctions.subarray(start, end).indexOf(id) : -1;
    if (at >= 0) {
      kept.push(site);
      for (let i = callers ? start : start + at; i < (callers ? start + at + 1 : end); i++) {
        functions.push(profile.stackFunctions[i]);
        nodes.push(profile.stackNodes[i]);
      }
    }
    part.stackStart[site + 1] = functions.length;
  }
  part.stackFunctions = Int32Array.from(functions);
  part.stackNodes = Int32Array.from(nodes);
  return { part, kept: Int32Array.from(kept) };
}

export class Functions {
  constructor(profile) {
    this.profile = profile;
    this.sort = "self";
    this.body = make("tbody");
    this.status = make("p", { class: "status", id: "functions-status", role: "status" });
    const heading = (key, text, help) => make("th", { scope: "col", class: "number plain", "data-key": key }, make("button", { type: "button", title: help, onclick: () => this.sortBy(key) }, text));
    this.headings = [heading("total", "Total", "in the function and in what it calls"), heading("self", "Self", "in the function itself, and in the libraries that it called")];
    this.graphs = [true, false].map((callers) => ({ callers, graph: new Graph(profile, { zoom: () => {} }, callers ? "callers" : "callees") }));
    const titles = this.graphs.map(({ callers, graph }) => make("div", {}, make("h3", {}, callers ? "Callers" : "What it calls"), graph.element));
    this.title = make("p", { class: "below" });
    this.close = make("button", { type: "button", onclick: () => this.choose(undefined) }, "Close");
    this.sandwich = make("div", { id: "sandwich", hidden: "" }, this.title, titles);
    this.element = make(
      "div",
      {},
      this.status,
      this.sandwich,
      make("div", { class: "wide" }, make("table", { "aria-label": "Functions" }, make("thead", {}, make("tr", {}, make("th", { scope: "col", class: "where" }, "Function"), this.headings)), this.body)),
    );
  }

  // sites: those that pass the filters; values: a number for each site; show formats it, signed: it may be negative
  set({ sites, values, show, signed }) {
    Object.assign(this, { sites, values, show, signed });
    this.rows = this.sums();
    this.draw();
    if (this.chosen !== undefined) this.choose(this.chosen);
  }

  sums() {
    const { profile, values } = this;
    const count = profile.functions.short.length;
    const [self, total, seen] = [new Float64Array(count), new Float64Array(count), new Int32Array(count).fill(-1)];
    this.all = 0;
    for (const site of this.sites) {
      const value = values[site];
      if (!value) continue;
      this.all += Math.abs(value);
      for (let i = profile.stackStart[site]; i < profile.stackStart[site + 1]; i++) {
        const id = profile.stackFunctions[i];
        if (seen[id] === site) continue; // a recursive call counts once
        seen[id] = site;
        total[id] += value;
      }
      self[profile.frames.function[profile.ownFrame[site]]] += value;
    }
    return Array.from({ length: count }, (_, id) => ({ id, self: self[id], total: total[id] })).filter((row) => row.self || row.total);
  }

  sortBy(key) {
    this.sort = key;
    this.draw();
  }

  draw() {
    const rows = [...this.rows].sort((a, b) => Math.abs(b[this.sort]) - Math.abs(a[this.sort]) || Math.abs(b.total) - Math.abs(a.total) || a.id - b.id).slice(0, ROWS);
    for (const heading of this.headings) heading.setAttribute("aria-sort", heading.dataset.key === this.sort ? "descending" : "none");
    this.status.textContent = `${exact(this.rows.length)} functions${this.rows.length > ROWS ? `, the largest ${ROWS} shown; search and focus for others` : ""}`;
    this.body.replaceChildren(...rows.map((row) => this.row(row)));
  }

  row({ id, self, total }) {
    const { profile } = this;
    const button = make("button", { type: "button", class: "name", title: profile.functionFullName(id), onclick: () => this.choose(id) }, make("bdi", {}, profile.functionName(id)));
    const [file, line] = [profile.functions.file[id], this.lineOf(id)];
    const where = file ? place(base(profile.texts[file]) + (line ? `:${line}` : ""), linkOf(profile, file, line)) : "";
    const cell = (value, heading) => make("td", { class: value ? "number" : "number zero", "data-value": value, "data-heading": heading }, value ? [this.show(value), make("span", { class: "share" }, percent(Math.abs(value), this.all))] : "–");
    return make("tr", { "data-function": id }, make("td", { class: "where" }, button, where), cell(total, "Total"), cell(self, "Self"));
  }

  // The first line of a function that is known: that of its first call, or near it. 0: none.
  lineOf(id) {
    const { frames, functions } = this.profile;
    if (!this.firstLines) {
      this.firstLines = new Float64Array(functions.short.length);
      frames.function.forEach((of, frame) => {
        const line = frames.line[frame];
        if (line && (!this.firstLines[of] || line < this.firstLines[of])) this.firstLines[of] = line;
      });
    }
    return this.firstLines[id];
  }

  choose(id) {
    const { profile, sites, values, show, signed } = this;
    this.chosen = id;
    this.sandwich.hidden = id === undefined;
    if (id === undefined) return;
    this.title.replaceChildren("Stacks through ", make("b", {}, make("bdi", {}, profile.functionFullName(id))), " ", this.close);
    for (const { callers, graph } of this.graphs) {
      const { part, kept } = cut(profile, sites, id, callers);
      const tree = new Tree(part, callers, kept);
      tree.setValues(values);
      graph.profile = part;
      graph.zoomed = null;
      graph.set({ tree, signed, show, matches: null });
    }
    this.sandwich.scrollIntoView({ block: "nearest" });
  }
}
