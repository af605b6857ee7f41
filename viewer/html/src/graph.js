// SPDX-License-Identifier: MIT
// The call tree as an icicle graph. The width of a call is what it allocates, its row is its depth. The page contains
// only elements that can be seen: calls that are too narrow are drawn as one hatched rest, and rows out of view are
// left out. Flame graph libraries keep an element or an object for each call, but 100,000 sites have millions of calls.
import { make } from "./dom.js";
import { exact, percent } from "./numbers.js";
import { base } from "./data.js";

const ROW = 20;
const NARROWEST = 3; // pixels
const TEXT_NARROWEST = 28;
const OVERSCAN = 10; // rows
const COLOURS = 7;
const MOSTLY = 0.6; // from this net share of its change on, a call counts as grown or shrunk, rather than both
const SLIGHTLY = 0.1;
const CHANGES = { grown: "grown", "grown-some": "grown more than shrunk", even: "as much of both", "shrunk-some": "shrunk more than grown", shrunk: "shrunk" };

// The object files with the most calls get a colour; the others have colour 0.
function findColours(profile) {
  const { functions } = profile;
  const group = functions.short.map((_, id) => profile.functionModule(id) || profile.texts[functions.file[id]]);
  const counts = new Map();
  for (const frame of profile.nodeFrame) {
    const name = group[profile.frames.function[frame]];
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  counts.delete("");
  const names = [...counts].sort((a, b) => b[1] - a[1]).slice(0, COLOURS).map(([name]) => name);
  return { names, ofFunction: group.map((name) => names.indexOf(name) + 1), others: counts.size > COLOURS };
}

export class Graph {
  // on.zoom(node) is called when another node is chosen to fill the width.
  constructor(profile, on) {
    this.profile = profile;
    this.on = on;
    this.colours = findColours(profile);
    this.crumbs = make("nav", { class: "crumbs", "aria-label": "Way to the shown call" });
    this.canvas = make("div", { class: "frames" });
    this.box = make(
      "div",
      { class: "graph", id: "graph", role: "tree", tabindex: "0", "aria-label": "Call tree: arrow keys move, Enter zooms, Escape goes back" },
      this.canvas,
    );
    this.status = make("p", { class: "status", id: "graph-status", role: "status" });
    this.legendBox = make("div");
    this.element = make("div", {}, this.crumbs, this.box, this.status, this.legendBox);
    this.box.onscroll = this.box.onfocus = this.box.onblur = () => this.render();
    this.box.onkeydown = (event) => this.key(event);
    this.box.onclick = (event) => this.click(event);
    this.box.onmouseover = (event) => this.tell(this.at(event) ?? this.selected);
    this.box.onmouseleave = () => this.tell(this.selected);
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  legend() {
    const entry = (colour, name) => make("li", {}, make("span", { class: `swatch ${colour}` }), name);
    const entries = this.signed
      ? Object.entries(CHANGES).map(([colour, text]) => entry(colour, text))
      : this.colours.names.map((name, i) => entry(`c${i + 1}`, base(name)));
    if (!this.signed && this.colours.others) entries.push(entry("c0", "others"));
    return make("ul", { class: "legend", "aria-label": "Colours" }, entries);
  }

  // tree has its values set; signed: they are changes; show(value) formats a number; matches: flags by function or null
  set({ tree, signed, show, matches }) {
    if (tree !== this.tree) {
      const path = this.zoomed ? this.tree.path(this.zoomed).map((node) => node.function) : [];
      const same = this.tree && tree.reversed === this.tree.reversed;
      this.zoomed = this.selected = same ? tree.find(path) : tree.root;
    }
    Object.assign(this, { tree, signed, show, matches });
    this.legendBox.replaceChildren(this.legend());
    this.draw();
  }

  name(node) {
    return node.function < 0 ? "all" : this.profile.functionName(node.function);
  }

  describe(node) {
    const value = this.tree.value(node);
    const share = percent(value, this.tree.value(this.tree.root));
    const sites = `${exact(node.sites.length)} ${node.sites.length === 1 ? "site" : "sites"}`;
    const numbers = this.signed ? `${this.show(this.tree.sum(node))}, ${share} of all that changed, ${sites}` : `${this.show(value)}, ${share}, ${sites}`;
    if (node.function < 0) return `all: ${numbers}`;
    const where = this.profile.functionModule(node.function) || this.profile.texts[this.profile.functions.file[node.function]];
    return `${this.profile.functionFullName(node.function)}${where ? ` (${base(where)})` : ""}: ${numbers}`;
  }

  colour(node) {
    if (!this.signed) return `c${node.function < 0 ? "all" : this.colours.ofFunction[node.function]}`;
    const part = this.tree.sum(node) / (this.tree.value(node) || 1);
    if (Math.abs(part) < SLIGHTLY) return "even";
    return (part > 0 ? "grown" : "shrunk") + (Math.abs(part) < MOSTLY ? "-some" : "");
  }

  tell(node) {
    this.status.textContent = node ? this.describe(node) : "";
  }

  zoom(node) {
    this.zoomed = this.selected = node;
    this.box.scrollTop = 0;
    this.draw();
    this.on.zoom(node);
  }

  select(node) {
    this.selected = node;
    const top = (node.depth - this.zoomed.depth) * ROW;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    if (top + ROW > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + ROW - this.box.clientHeight;
    this.render();
  }

  // The rectangles of all calls that are wide enough.
  layout() {
    this.width = this.canvas.clientWidth;
    const rows = [];
    const place = (node, left, wide) => {
      const row = (rows[node.depth - this.zoomed.depth] ??= []);
      row.push({ node, left, wide });
    };
    place(this.zoomed, 0, this.width);
    for (let level = 0; level < rows.length; level++)
      for (const { node, left, wide } of rows[level]) {
        if (!node || !this.tree.value(node)) continue;
        const scale = wide / this.tree.value(node);
        let at = left;
        let rest = 0;
        for (const child of this.tree.children(node)) {
          const span = this.tree.value(child) * scale;
          if (span >= NARROWEST) {
            place(child, at, span);
            at += span;
          } else rest += span;
        }
        if (rest >= NARROWEST) (rows[level + 1] ??= []).push({ node: null, left: at, wide: rest });
      }
    return rows;
  }

  draw() {
    if (!this.tree) return;
    this.rows = this.layout();
    this.canvas.style.height = `${this.rows.length * ROW}px`;
    this.drawCrumbs();
    this.render();
  }

  drawCrumbs() {
    const path = [this.tree.root, ...this.tree.path(this.zoomed)];
    const crumb = (node, text) =>
      node === this.zoomed
        ? make("span", { "aria-current": "true" }, text)
        : make("button", { type: "button", onclick: () => this.zoom(node) }, text);
    const items = path.length <= 4 ? path : [path[0], null, ...path.slice(-2)];
    this.crumbs.replaceChildren(
      ...items.map((node) => (node ? crumb(node, this.name(node)) : make("span", {}, `… ${path.length - 3} calls …`))),
    );
  }

  // all: include rows that are out of view
  render(all = false) {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - OVERSCAN);
    const last = Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + OVERSCAN;
    this.shown = [];
    for (let level = all ? 0 : first; level < (all ? this.rows.length : Math.min(last, this.rows.length)); level++)
      for (const rect of this.rows[level]) this.shown.push(this.frame(rect, level));
    this.canvas.replaceChildren(...this.shown.map(({ element }) => element));
    const chosen = this.shown.find(({ node }) => node && node === this.selected);
    if (chosen) this.box.setAttribute("aria-activedescendant", chosen.element.id);
    else this.box.removeAttribute("aria-activedescendant");
    this.tell(this.selected);
  }

  frame({ node, left, wide }, level) {
    const element = make("div", { class: "rest", "aria-hidden": "true" });
    if (node) {
      const classes = ["frame", this.colour(node)];
      if (this.matches && node.function >= 0) classes.push(this.matches[node.function] ? "match" : "other");
      if (node === this.selected && (node !== this.zoomed || document.activeElement === this.box)) classes.push("selected");
      element.className = classes.join(" ");
      element.removeAttribute("aria-hidden");
      element.id = `frame-${this.shown.length}`;
      element.setAttribute("role", "treeitem");
      element.setAttribute("aria-level", level + 1);
      element.dataset.value = this.tree.sum(node);
      element.setAttribute("aria-selected", node === this.selected);
      element.setAttribute("aria-label", this.describe(node));
      element.title = this.describe(node);
      if (wide >= TEXT_NARROWEST) element.textContent = (this.signed ? this.sign(node) : "") + this.name(node);
    } else element.title = "calls too small to show; zoom in to see them";
    const part = (pixels) => `${(pixels / this.width) * 100}%`; // relative, since paper has another width
    Object.assign(element.style, { left: part(left), width: part(wide), top: `${level * ROW}px` });
    return { element, node };
  }

  // The sign serves readers who cannot see the colours.
  sign(node) {
    const sum = this.tree.sum(node);
    return sum > 0 ? "+ " : sum < 0 ? "− " : "";
  }

  at(event) {
    return this.shown.find(({ element }) => element === event.target)?.node;
  }

  click(event) {
    const node = this.at(event);
    if (!node) return;
    if (node === this.zoomed && node.parent) this.zoom(node.parent);
    else this.zoom(node);
  }

  siblings(node) {
    return node === this.zoomed ? [node] : this.rows[node.depth - this.zoomed.depth].map((rect) => rect.node).filter(Boolean);
  }

  key(event) {
    const node = this.selected ?? this.zoomed;
    const row = this.siblings(node);
    const child = () => this.rows[node.depth - this.zoomed.depth + 1]?.find((rect) => rect.node?.parent === node)?.node;
    const moves = {
      ArrowDown: child,
      ArrowUp: () => (node === this.zoomed ? null : node.parent),
      ArrowLeft: () => row[row.indexOf(node) - 1],
      ArrowRight: () => row[row.indexOf(node) + 1],
    };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in moves) {
      const next = moves[event.key]();
      if (next) this.select(next);
    } else if (event.key === "Enter") this.zoom(node);
    else if ((event.key === "Escape" || event.key === "Backspace") && this.zoomed.parent) this.zoom(this.zoomed.parent);
    else if (event.key === "Home") this.zoom(this.tree.root);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
