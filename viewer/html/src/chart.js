// SPDX-License-Identifier: MIT
// A chart over time, as SVG: it has axes with round numbers, a line at the pointer and a chosen range. What is drawn in
// between is the caller's. Colours are classes, so that a theme or a printer needs no new drawing.
import { make, shape } from "./dom.js";
import { NS } from "./numbers.js";

const HEIGHT = 190;
const LEFT = 76;
const RIGHT = 10;
const TOP = 6;
const BOTTOM = 24;
const WIDE = 90; // pixels between two numbers of an axis, at least
const HIGH = 30;
const NAME = 3; // pixels between a line and its name
const LETTER = 6.2; // pixels of a letter, about

const MINUTES = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

// The distance of an axis's numbers: at least `least`, and 1, 2 or 5 times a power of ten or, for long times, what is
// round in minutes and hours. second: how much a second is on this axis; 0: it is not one of time.
export function roundStep(least, second) {
  const long = second && least > 30 * second ? MINUTES.find((seconds) => seconds * second >= least) : 0;
  if (long) return long * second;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((times) => power * times >= least * 0.999999);
}

// Bytes are round in powers of two.
const binaryStep = (least) => 2 ** Math.max(0, Math.ceil(Math.log2(least)));

export class Chart {
  // draw() is called when there is something new to draw or another width; hover(time) when the pointer moves, with null
  // when it has left.
  constructor(draw, hover = () => {}, height = HEIGHT) {
    this.draw = draw;
    this.hover = hover;
    this.outer = height;
    this.height = height - TOP - BOTTOM;
    this.svg = shape("svg", { class: "plot", height, "aria-hidden": "true" });
    this.line = make("div", { class: "hair", hidden: "" });
    this.selection = make("div", { class: "selection", hidden: "" });
    this.area = make("div", { class: "area" }, this.selection, this.line);
    Object.assign(this.area.style, { left: `${LEFT}px`, top: `${TOP}px`, right: `${RIGHT}px`, height: `${this.height}px` });
    this.element = make("div", { class: "chart-box" }, this.svg, this.area);
    this.area.addEventListener("pointermove", (event) => this.point(event));
    this.area.addEventListener("pointerleave", () => this.leave());
    new ResizeObserver(() => this.element.clientWidth !== this.outerWidth && this.redraw()).observe(this.element);
  }

  // most: {x, y}: the ends of the axes, which begin at 0; show: {x, y}: functions that format their numbers
  set({ most, show, timeUnit, binary = true }) {
    Object.assign(this, { most, show, binary, second: NS[timeUnit] ? 1e9 / NS[timeUnit] : 0 });
    this.redraw();
  }

  redraw() {
    if (!this.most) return;
    this.outerWidth = this.element.clientWidth;
    this.width = Math.max(this.outerWidth - LEFT - RIGHT, 1);
    this.svg.setAttribute("viewBox", `0 0 ${this.width + LEFT + RIGHT} ${this.outer}`);
    this.inner = shape("g", { transform: `translate(${LEFT} ${TOP})` });
    this.svg.replaceChildren(this.inner);
    this.named = {};
    this.axes();
    this.draw();
  }

  axes() {
    const { most, show } = this;
    const x = roundStep((most.x * WIDE) / this.width, this.second);
    const least = (most.y * HIGH) / this.height;
    const y = this.binary ? binaryStep(least) : Math.max(1, roundStep(least, 0));
    for (let i = 0; i * x <= most.x * 1.000001; i++) {
      const at = Math.round(this.x(i * x)) + 0.5;
      this.add("line", { class: "grid", x1: at, x2: at, y1: 0, y2: this.height + 4 });
      const ends = at + 30 > this.width + RIGHT;
      this.add("text", { class: "tick", x: ends ? this.width + RIGHT : at, y: this.height + 17, "text-anchor": ends ? "end" : i ? "middle" : "start" }, show.x(i * x));
    }
    for (let i = 0; i * y <= most.y; i++) {
      const at = Math.round(this.y(i * y)) + 0.5;
      this.add("line", { class: "grid", x1: -4, x2: this.width, y1: at, y2: at });
      this.add("text", { class: "tick", x: -8, y: at + 4, "text-anchor": "end" }, show.y(i * y));
    }
  }

  x(value) {
    return (value / this.most.x) * this.width;
  }

  y(value) {
    return this.height - (value / this.most.y) * this.height;
  }

  // The time at a distance from the left.
  value(pixels) {
    return (pixels / this.width) * this.most.x;
  }

  // The bytes at the height of an event.
  bytesAt(event) {
    const { top } = this.area.getBoundingClientRect();
    return ((this.height - (event.clientY - top)) / this.height) * this.most.y;
  }

  // The distance of an event from the left.
  at(event) {
    const box = this.area.getBoundingClientRect();
    return Math.min(Math.max(event.clientX - box.left, 0), box.width);
  }

  add(name, attributes, ...children) {
    const element = shape(name, attributes, ...children);
    this.inner.append(element);
    return element;
  }

  // A vertical line.
  rule(time, kind, top = 0) {
    const at = Math.round(this.x(time)) + 0.5;
    this.add("line", { class: `rule ${kind}`, x1: at, x2: at, y1: top, y2: this.height });
  }

  // A name beside a vertical line. One that would cover another is left out.
  name(time, text, kind, top) {
    const wide = text.length * LETTER;
    const x = this.x(time);
    const right = x + NAME + wide < this.width;
    const left = right ? x + NAME : x - NAME - wide;
    const taken = (this.named[top] ??= []);
    if (taken.some(([from, to]) => left < to && left + wide > from)) return;
    taken.push([left, left + wide]);
    this.add("text", { class: `name ${kind}`, x: right ? x + NAME : x - NAME, y: top + 10, "text-anchor": right ? "start" : "end" }, text);
  }

  // null: nothing is chosen
  select(left, width = 0) {
    this.selection.hidden = left === null;
    if (left !== null) Object.assign(this.selection.style, { left: `${left}px`, width: `${width}px` });
  }

  point(event) {
    const at = this.at(event);
    this.line.hidden = false;
    this.line.style.left = `${at}px`;
    this.hover(this.value(at), event);
  }

  leave() {
    this.line.hidden = true;
    this.hover(null, null);
  }
}

// A path of steps: each value holds from the time before to its own. null ends the line. closed: with its base
export function steps(chart, times, values, closed = false) {
  const points = [];
  let x = 0;
  let begun = false;
  const round = (value) => value.toFixed(1);
  values.forEach((value, i) => {
    if (value === null) return;
    points.push(`${begun ? "V" : `M${round(x)} `}${round(chart.y(value))}`);
    begun = true;
    x = chart.x(times[i]);
    points.push(`H${round(x)}`);
  });
  return points.join("") + (closed && begun ? `V${chart.height}H0Z` : "");
}
