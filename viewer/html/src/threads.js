// SPDX-License-Identifier: MIT
// What each thread allocated. A click shows only that thread, in the whole page.
import { make } from "./dom.js";
import { exact, percent } from "./numbers.js";

const COLUMNS = [
  ["totalBytes", "Total", "bytes", "bytes allocated over the whole run"],
  ["totalBlocks", "Blocks", "count", "allocated over the whole run"],
  ["peakBytes", "Peak", "bytes", "live at the peak of the process, allocated by this thread"],
  ["endBytes", "End", "bytes", "still live at the end, allocated by this thread"],
  ["lostBytes", "Lost", "bytes", "live at the end, and nothing pointed to the block"],
  ["temporaryBlocks", "Temporary", "count", "blocks freed before the thread's next allocation"],
  ["copiedBytes", "Copied", "bytes", "bytes that realloc copied"],
  ["stacks", "Stacks", "count", "different stacks that allocated"],
];

export class Threads {
  // on.choose(name): show only this thread, or all again
  constructor(profile, on) {
    this.profile = profile;
    this.on = on;
    this.sort = { key: "totalBytes", down: true };
    this.status = make("p", { class: "status", id: "threads-status", role: "status" });
    if (!profile.fold) {
      this.element = make("div", {}, this.nothing());
      return;
    }
    this.columns = COLUMNS.filter(([key]) => key === "stacks" || profile.values[key]);
    this.headings = this.columns.map(([key, text, , help]) => make("th", { scope: "col", class: "number", "data-key": key }, make("button", { type: "button", title: help, onclick: () => this.sortBy(key) }, text, make("span", { class: "arrow", "aria-hidden": "true" }))));
    this.body = make("tbody");
    const head = make("tr", {}, make("th", { scope: "col", class: "where" }, "Thread"), this.headings);
    this.element = make("div", {}, this.status, make("div", { class: "wide" }, make("table", { "aria-label": "Threads" }, make("thead", {}, head), this.body)));
  }

  nothing() {
    const { profile } = this;
    const code = (text) => make("code", {}, text);
    if (profile.old) return make("p", { class: "empty" }, "A page of two recordings folds threads. ", code("ctrace html --split-threads OLD NEW"), " keeps them apart in the stacks, and ", code("ctrace html NEW"), " shows the threads of the new one.");
    if (profile.foreign) return make("p", { class: "empty" }, "The file does not say which thread allocated. ", code("ctrace record --threads PROGRAM"), " records it.");
    return make("p", { class: "empty" }, "The recording does not keep threads apart. ", code("ctrace record --threads PROGRAM"), " does.");
  }

  // passing: the sites that pass the filters on functions, whatever their threads; thread: the chosen one's name
  set({ passing, thread }) {
    const { profile } = this;
    if (!profile.fold) return;
    const { thread: threads, values } = profile.fold;
    const passes = new Uint8Array(profile.siteCount);
    for (const site of passing) passes[site] = 1;
    this.rows = profile.threads.map(({ name }) => ({ name, ...Object.fromEntries(this.columns.map(([key]) => [key, 0])) }));
    for (let stack = 0; stack < threads.length; stack++) {
      const row = this.rows[threads[stack] - 1];
      if (!row || !passes[profile.siteOf[stack]]) continue;
      for (const [key] of this.columns) row[key] += key === "stacks" ? 1 : values[key][stack];
    }
    this.thread = thread;
    this.draw();
  }

  sortBy(key) {
    this.sort = { key, down: key !== this.sort.key || !this.sort.down };
    this.draw();
  }

  draw() {
    const { key, down } = this.sort;
    const rows = [...this.rows].sort((a, b) => (down ? 1 : -1) * (b[key] - a[key]));
    const most = Math.max(...rows.map((row) => row[key]));
    const all = Object.fromEntries(this.columns.map(([column]) => [column, rows.reduce((sum, row) => sum + row[column], 0)]));
    for (const heading of this.headings) {
      const sorted = heading.dataset.key === key;
      heading.setAttribute("aria-sort", sorted ? (down ? "descending" : "ascending") : "none");
      heading.querySelector(".arrow").textContent = sorted ? (down ? "▾" : "▴") : "";
    }
    this.status.textContent = `${exact(rows.length)} ${rows.length === 1 ? "thread" : "threads"}. A click on a name shows only what this thread allocated, in the whole page except the chart.`;
    this.body.replaceChildren(...rows.map((row) => this.row(row, most, all)));
  }

  row(row, most, all) {
    const chosen = row.name === this.thread;
    const button = make("button", { type: "button", class: "name", "aria-pressed": String(chosen), onclick: () => this.on.choose(row.name) }, make("bdi", {}, row.name));
    const cells = this.columns.map(([key, heading, kind]) => {
      const value = row[key];
      const share = key === this.sort.key && value ? make("span", { class: "share" }, percent(value, all[key])) : "";
      const bar = key === this.sort.key ? make("span", { class: "bar", "aria-hidden": "true" }) : "";
      if (bar) bar.style.width = `${most ? (value / most) * 100 : 0}%`;
      return make("td", { class: value ? "number" : "number zero", "data-value": value, "data-heading": heading }, value ? [this.profile.format(kind, value), share] : "–", bar);
    });
    return make("tr", { class: chosen ? "chosen" : undefined, "data-thread": row.name }, make("td", { class: "where" }, button), cells);
  }
}
