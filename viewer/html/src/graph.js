// SPDX-License-Identifier: MIT
// The call tree as an icicle graph. The width of a call is what it allocates, its row is its depth. The page contains
// only elements that can be seen: calls that are too narrow are drawn as one hatched rest, and rows out of view are
// left out. Flame graph libraries keep an element or an object for each call, but 100,000 sites have millions of calls.
import { make } from "./dom.js";
import { exact, percent } from "./numbers.js";
import { base } from "./data.js";
import { shadeLegend, shadeOf } from "./shade.js";
import { Tooltip } from "./tooltip.js";

export const ROW = 20;
const NARROWEST = 3; // pixels
const TEXT_NARROWEST = 28;
const OVERSCAN = 10; // rows
const COLOURS = 7;
const LINES_MOST = 9;
const SITES_MOST = 5000; // of a call whose lines are looked for while the pointer moves

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
  constructor(profile, on, id = "graph") {
    this.id = id;
    this.profile = profile;
    this.on = on;
    this.colours = findColours(profile);
    this.crumbs = make("nav", { class: "crumbs", "aria-label": `Way to the shown call, ${id}` });
    this.canvas = make("div", { class: "frames" });
    this.box = make(
      "div",
      { class: "graph", id, role: "tree", tabindex: "0", "aria-label": "Call tree: arrow keys move, Enter zooms, Escape goes back" },
      this.canvas,
    );
    this.status = make("p", { class: "status", id: `${id}-status`, role: "status" });
    this.legendBox = make("div");
    this.element = make("div", {}, this.crumbs, this.box, this.status, this.legendBox);
    this.box.onscroll = this.box.onfocus = this.box.onblur = () => this.render();
    this.box.onkeydown = (event) => this.key(event);
    this.box.onpointerdown = (event) => (this.pressed = event.button ? null : this.at(event));
    this.box.onpointerup = (event) => this.release(event);
    this.box.onclick = (event) => event.detail || this.click(this.at(event)); // by a script or a screen reader
    this.tooltip = new Tooltip();
    this.box.onmousemove = (event) => this.tooltip.show(event, this.linesAt(event));
    this.box.onmouseleave = () => this.tooltip.show(null, null);
    // The page scrolls below the pointer; the graph does only once it has been chosen.
    this.box.onwheel = () => this.tooltip.show(null, null);
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  legend() {
    const entry = (colour, name) => make("li", {}, make("span", { class: `swatch ${colour}` }), name);
    const entries = this.signed
      ? shadeLegend(this.shade).map(([colour, text]) => entry(colour, text))
      : this.colours.names.map((name, i) => entry(`c${i + 1}`, base(name)));
    if (!this.signed && this.colours.others) entries.push(entry("c0", "others"));
    return make("ul", { class: "legend", "aria-label": "Colours" }, entries);
  }

  // tree has its values set; signed: they are changes, coloured by shade; show(value) formats a number; matches: flags by
  // function or null
  set({ tree, signed, show, matches, shade = "absolute" }) {
    if (tree !== this.tree) {
      const path = this.zoomed && this.tree ? this.tree.path(this.zoomed).map((node) => node.function) : [];
      const same = this.tree && tree.reversed === this.tree.reversed;
      this.zoomed = this.selected = same ? tree.find(path) : tree.root;
    }
    Object.assign(this, { tree, signed, show, matches, shade });
    this.matchingSites = matches && this.profile.sitesWith(matches);
    this.legendBox.replaceChildren(this.legend());
    this.draw();
  }

  name(node) {
    return node.function < 0 ? "all" : this.profile.functionName(node.function);
  }

  numbers(node) {
    const value = this.tree.value(node);
    const share = percent(value, this.tree.value(this.tree.root));
    const sites = `${exact(node.sites.length)} ${node.sites.length === 1 ? "site" : "sites"}`;
    if (this.signed && !node.parent) return `${this.show(this.tree.sum(node))} in all, ${sites}`;
    return this.signed ? `${this.show(this.tree.sum(node))}, ${share} of all that changed, ${sites}` : `${this.show(value)}, ${share}, ${sites}`;
  }

  describe(node) {
    if (node.function < 0) return `all: ${this.numbers(node)}`;
    const where = this.profile.functionModule(node.function) || this.profile.texts[this.profile.functions.file[node.function]];
    return `${this.profile.functionFullName(node.function)}${where ? ` (${base(where)})` : ""}: ${this.numbers(node)}`;
  }

  // What the box at the pointer says: name, place, numbers, blocks.
  linesAt(event) {
    const { profile } = this;
    const node = this.at(event);
    if (!node) return event.target.classList?.contains("rest") ? ["Calls too narrow to show", "Zoom in to see them."] : null;
    const counted = this.blocks(node);
    if (node.function < 0) return ["all", this.numbers(node), counted];
    const file = profile.texts[profile.functions.file[node.function]];
    const module = profile.functionModule(node.function);
    const place = [file && base(file) + this.lines(node), module && base(module)].filter(Boolean).join(", ");
    return [profile.functionFullName(node.function), place, this.numbers(node), counted];
  }

  blocks(node) {
    const { values, blocksUnit } = this.profile;
    if (!values.totalBlocks) return "";
    let blocks = 0;
    for (const site of node.sites) blocks += values.totalBlocks[site];
    return this.signed ? `${this.profile.formatSigned("count", blocks)} ${blocksUnit}` : `${exact(blocks)} ${blocksUnit} in total`;
  }

  // ":12", or ":12 and 3 more lines": where the function calls what is below, or allocates.
  lines(node) {
    const { frames } = this.profile;
    const found = new Set();
    if (node.sites.length > SITES_MOST) return "";
    for (const site of node.sites) {
      const frame = this.profile.frameAt(site, node.depth - 1, this.tree.reversed);
      if (frame >= 0 && frames.line[frame]) found.add(frames.line[frame]);
      if (found.size > LINES_MOST) return "";
    }
    const [first, ...others] = [...found].sort((a, b) => a - b);
    if (!first) return "";
    return `:${first}${others.length ? ` and ${others.length} more ${others.length === 1 ? "line" : "lines"}` : ""}`;
  }

  colour(node) {
    if (!this.signed) return `c${node.function < 0 ? "all" : this.colours.ofFunction[node.function]}`;
    const whole = this.shade === "absolute" ? this.tree.value(this.tree.root) : this.tree.before(node);
    return shadeOf(this.shade, this.tree.sum(node), whole);
  }

  tell(node) {
    const below = this.canvas.clientHeight - this.box.clientHeight;
    const more = below > 0 && document.activeElement !== this.box ? `${Math.ceil(below / ROW)} more rows: click the graph, then scroll` : "";
    this.status.textContent = [node && node !== this.tree.root ? this.describe(node) : "", more].filter(Boolean).join(". ");
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
        let found = false;
        for (const child of this.tree.children(node)) {
          const span = this.tree.value(child) * scale;
          if (span >= NARROWEST) {
            place(child, at, span);
            at += span;
          } else {
            rest += span;
            found = found || this.hasMatch(child);
          }
        }
        // A match in calls that are too narrow is marked, however narrow they are together.
        const marked = found && !this.isBelowMatch(node);
        if (rest >= NARROWEST || marked) (rows[level + 1] ??= []).push({ node: null, left: Math.min(at, this.width - NARROWEST), wide: Math.max(rest, NARROWEST), marked });
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

  hasMatch(node) {
    return this.matchingSites !== null && node.sites.some((site) => this.matchingSites[site]);
  }

  isBelowMatch(node) {
    for (let at = node; at.parent; at = at.parent) if (this.matches[at.function]) return true;
    return false;
  }

  frame({ node, left, wide, marked }, level) {
    const element = make("div", { class: marked ? "rest match" : "rest", "aria-hidden": "true" });
    if (node) {
      const text = (this.signed ? this.sign(node) : "") + this.name(node);
      const classes = ["frame", this.colour(node)];
      if (this.matches && node.function >= 0) classes.push(this.matches[node.function] ? "match" : "other");
      if (node === this.selected && (node !== this.zoomed || document.activeElement === this.box)) classes.push("selected");
      element.className = classes.join(" ");
      element.removeAttribute("aria-hidden");
      element.id = `${this.id}-frame-${this.shown.length}`;
      element.setAttribute("role", "treeitem");
      element.setAttribute("aria-level", level + 1);
      element.dataset.value = this.tree.sum(node);
      element.setAttribute("aria-selected", node === this.selected);
      element.setAttribute("aria-label", `${text}: ${this.numbers(node)}`);
      if (wide >= TEXT_NARROWEST) element.textContent = text;
    }
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

  // A press gives the graph the focus, which draws it again, so there is no element that gets both press and release, and
  // Firefox reports no click.
  release(event) {
    const node = this.at({ target: document.elementFromPoint(event.clientX, event.clientY) });
    if (node === this.pressed) this.click(node);
    this.pressed = null;
  }

  click(node) {
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
