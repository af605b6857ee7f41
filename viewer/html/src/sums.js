// SPDX-License-Identifier: MIT
// A table of sums over the sites of each thread, or of each tag. A click on a name shows only what is summed up there.
import { make } from "./dom.js";
import { percent } from "./numbers.js";

const COLUMNS = [
  ["totalBytes", "Total", "bytes", "bytes allocated over the whole run"],
  ["totalBlocks", "Blocks", "count", "allocated over the whole run"],
  ["peakBytes", "Peak", "bytes", "live at the peak of the process"],
  ["endBytes", "End", "bytes", "still live at the end"],
  ["lostBytes", "Lost", "bytes", "live at the end, and nothing pointed to the block"],
  ["temporaryBlocks", "Temporary", "count", "blocks freed before the thread's next allocation"],
  ["copiedBytes", "Copied", "bytes", "bytes that realloc copied"],
  ["stacks", "Stacks", "count", "different stacks that allocated"],
];

export class Sums {
  // name: "thread" or "tag"; choose(name): show only this one, or all again
  constructor(profile, name, choose) {
    const plural = `${name}s`;
    const title = name[0].toUpperCase() + name.slice(1);
    this.profile = profile;
    this.name = name;
    this.choose = choose;
    this.sort = { key: "totalBytes", down: true };
    this.status = make("p", { class: "status", id: `${plural}-status`, role: "status" });
    this.columns = COLUMNS.filter(([key]) => key === "stacks" || profile.values[key]);
    this.headings = this.columns.map(([key, text, , help]) => make("th", { scope: "col", class: "number", "data-key": key }, make("button", { type: "button", title: help, onclick: () => this.sortBy(key) }, text, make("span", { class: "arrow", "aria-hidden": "true" }))));
    this.body = make("tbody");
    const head = make("tr", {}, make("th", { scope: "col", class: "where" }, title), this.headings);
    this.element = make("div", {}, this.status, make("div", { class: "wide" }, make("table", { "aria-label": `${title}s` }, make("thead", {}, head), this.body)));
  }

  // names: of the rows; each(add): calls add(row, site, values) for each site of a row; chosen: the name that is shown alone
  sum(names, each, chosen) {
    this.rows = names.map((name) => ({ name, ...Object.fromEntries(this.columns.map(([key]) => [key, 0])) }));
    each((row, site, values) => {
      for (const [key] of this.columns) this.rows[row][key] += key === "stacks" ? 1 : values[key][site];
    });
    this.chosen = chosen;
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
    this.status.textContent = this.says(rows);
    this.body.replaceChildren(...rows.map((row) => this.row(row, most, all)));
  }

  row(row, most, all) {
    const chosen = row.name === this.chosen;
    const button = make("button", { type: "button", class: "name", "aria-pressed": String(chosen), onclick: () => this.choose(row.name) }, make("bdi", {}, row.name));
    const cells = this.columns.map(([key, heading, kind]) => {
      const value = row[key];
      const share = key === this.sort.key && value ? make("span", { class: "share" }, percent(value, all[key])) : "";
      const bar = key === this.sort.key ? make("span", { class: "bar", "aria-hidden": "true" }) : "";
      if (bar) bar.style.width = `${most ? (value / most) * 100 : 0}%`;
      return make("td", { class: value ? "number" : "number zero", "data-value": value, "data-heading": heading }, value ? [this.profile.format(kind, value), share] : "–", bar);
    });
    return make("tr", { class: chosen ? "chosen" : undefined, [`data-${this.name}`]: row.name }, make("td", { class: "where" }, button), cells);
  }
}
