// SPDX-License-Identifier: MIT
// Live bytes over time. If live bytes are known by site at some moments, a click chooses one of them, and dragging
// chooses two. on.range({from, to}) then gets their indices in profile.moments.
import { Chart, steps } from "./chart.js";
import { make } from "./dom.js";
import { exact, time } from "./numbers.js";

const CLICK = 5; // pixels
const OLD = "old";
export const END = 0.004; // the width of what is live at the end, as a part of the run
const ABOVE = 1.12; // how high the chart is, for the peak's name above the line

// The maximum of live bytes in the bucket of each time; null after the end.
function at({ time: ends, most }, times) {
  let i = 0;
  return times.map((moment) => {
    while (i < ends.length && ends[i] < moment) i++;
    return most[i] ?? null;
  });
}

// The line ends with what was live at the end: each other point is the maximum of its bucket, so that blocks freed last
// would look as if they had stayed.
function withEnd({ timeline, totals, endTime }) {
  if (totals.endBytes === undefined) return timeline; // a file of another tool
  const last = Math.max(timeline.time.at(-1), endTime);
  return {
    time: [...timeline.time.slice(0, -1), last, last * (1 + END)],
    most: [...timeline.most, totals.endBytes],
    resident: timeline.resident && [...timeline.resident, timeline.resident.at(-1)],
  };
}

export class Timeline {
  constructor(profile, on) {
    this.profile = profile;
    this.on = on;
    this.range = null;
    const chooses = profile.moments.length > 0;
    this.plot = new Chart(() => this.draw(), (value) => this.tell(value));
    this.chart = make(
      "div",
      {
        class: "chart",
        id: "chart",
        tabindex: chooses ? "0" : undefined,
        role: chooses ? "slider" : "img",
        "aria-label": chooses
          ? "Live bytes over time: left and right arrow keys choose a moment, with Shift a range, Escape none"
          : "Live bytes over time",
      },
      this.plot.element,
    );
    this.status = make("p", { class: "status", id: "chart-status" });
    this.legend = make("ul", { class: "legend", id: "chart-legend", "aria-label": "Lines of the chart" });
    this.element = make("div", {}, this.chart, chooses ? this.moment() : "", this.legend, this.status);
    if (profile.marks.length)
      this.element.append(make("p", { class: "status", id: "marks" }, `Marks: ${profile.marks.map((mark) => `${mark.name} ${time(mark.time, profile.timeUnit)}`).join(", ")}`));
    if (!chooses) return;
    this.chart.onkeydown = (event) => this.key(event);
    this.listen();
  }

  // A slider over all moments.
  moment() {
    this.slider = make("input", { type: "range", id: "moment", min: 0, max: this.profile.moments.at(-1).time, step: "any", "aria-label": "Moment of which the graph shows what was live" });
    this.slider.oninput = () => {
      const i = this.nearest(Number(this.slider.value));
      this.choose({ from: i, to: i });
    };
    this.slider.onkeydown = (event) => this.step(event);
    return make("div", { class: "moment" }, this.slider);
  }

  // Keys move the slider from moment to moment.
  step(event) {
    const last = this.profile.moments.length - 1;
    const at = this.range?.to ?? last + 1;
    const places = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - 10, PageUp: at + 10, Home: 0, End: last };
    if (event.key === "Escape" && this.range) this.choose(null);
    else if (event.key in places) {
      const i = Math.min(Math.max(places[event.key], 0), last);
      this.choose({ from: i, to: i });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  showMoment() {
    const { moments } = this.profile;
    this.slider.value = moments[this.range?.to ?? moments.length - 1].time;
    this.slider.setAttribute("aria-valuetext", this.range ? this.on.describe(this.range) : "none chosen");
  }

  // Call this once the element is in the page.
  start() {
    const { profile, plot } = this;
    const { times, lines, grey } = this.lines();
    Object.assign(this, { times, values: lines });
    this.legend.replaceChildren(...this.legendEntries(grey));
    const most = lines.reduce((top, line) => line.reduce((highest, value) => Math.max(highest, value), top), 0);
    plot.set({
      most: { x: times.at(-1) || 1, y: (most || 1) * ABOVE },
      show: { x: (value) => time(value, profile.timeUnit), y: (value) => profile.format("bytes", value) },
      timeUnit: profile.timeUnit,
    });
    this.showSelection();
  }

  draw() {
    const { plot, times, values } = this;
    const [first, second] = values.map((line) => steps(plot, times, line));
    plot.add("path", { class: "area", d: steps(plot, times, values[0], true) });
    if (second) plot.add("path", { class: "line grey", d: second });
    plot.add("path", { class: "line live", d: first });
    this.drawMarks();
    this.showRange();
  }

  // The lines to draw, and what the grey one shows: in a diff, the old recording, if its unit of time is the same.
  lines() {
    const { old, timeUnit } = this.profile;
    const timeline = withEnd(this.profile);
    if (!old) return { times: timeline.time, lines: [timeline.most, timeline.resident].filter(Boolean), grey: timeline.resident && "resident" };
    if (!old.timeline.time.length || old.timeUnit !== timeUnit) return { times: timeline.time, lines: [timeline.most], grey: "" };
    const before = withEnd(old);
    const times = [...new Set([...timeline.time, ...before.time])].sort((a, b) => a - b);
    return { times, lines: [at(timeline, times), at(before, times)], grey: OLD };
  }

  legendEntries(grey) {
    const entry = (line, text) => make("li", {}, make("span", { class: `swatch line ${line}` }), text);
    const names = { [OLD]: "old recording", resident: "resident memory" };
    return [
      entry("live", this.profile.old ? "new recording" : "live bytes, maximum of each moment"),
      grey ? entry("grey", names[grey]) : "",
      entry("peak", "peak"),
      this.profile.marks.length ? entry("marks", "marks of the program") : "",
    ].filter(Boolean);
  }

  drawMarks() {
    const { plot, profile } = this;
    for (const moment of profile.moments) if (!moment.snapshot?.partial) plot.rule(moment.time, "moment", plot.height - 5);
    plot.rule(profile.peakTime, "peak");
    plot.name(profile.peakTime, `peak ${profile.format("bytes", profile.totals.peakBytes)}`, "peak", 0);
    for (const mark of profile.marks) {
      plot.rule(mark.time, "mark", 14);
      plot.name(mark.time, mark.name, "mark", 14);
    }
  }

  listen() {
    const { area } = this.plot;
    let start = null;
    area.onpointerdown = (event) => {
      start = this.plot.at(event);
      area.setPointerCapture(event.pointerId);
    };
    area.addEventListener("pointermove", (event) => {
      const at = this.plot.at(event);
      if (start !== null && Math.abs(at - start) >= CLICK) this.plot.select(Math.min(start, at), Math.abs(at - start));
    });
    area.onpointerup = (event) => {
      if (start === null) return;
      const ends = [start, this.plot.at(event)].sort((a, b) => a - b);
      start = null;
      if (ends[1] - ends[0] < CLICK) ends[1] = ends[0];
      const [from, to] = ends.map((at) => this.nearest(this.plot.value(at)));
      this.choose({ from, to });
    };
    area.onpointercancel = () => (start = null);
  }

  nearest(at) {
    const { moments } = this.profile;
    const away = (moment) => Math.abs(moment.time - at);
    return moments.reduce((best, moment, i) => (away(moment) < away(moments[best]) ? i : best), 0);
  }

  showRange() {
    const { moments } = this.profile;
    const x = (i) => this.plot.x(moments[i].time);
    if (this.range) this.plot.select(x(this.range.from), x(this.range.to) - x(this.range.from));
    else this.plot.select(null);
  }

  showSelection() {
    const { moments } = this.profile;
    if (moments.length) {
      this.chart.setAttribute("aria-valuemin", 0);
      this.chart.setAttribute("aria-valuemax", moments.length - 1);
      this.chart.setAttribute("aria-valuenow", this.range ? this.range.to : 0);
      this.chart.setAttribute("aria-valuetext", this.range ? this.on.describe(this.range) : "none chosen");
      this.showMoment();
    }
    this.showRange();
    this.tell(null);
  }

  choose(range) {
    this.range = range;
    this.showSelection();
    this.on.range(range);
  }

  // What was live at a time; null: no time is pointed at.
  tell(value) {
    const { timeline, moments, old, timeUnit } = this.profile;
    if (value === null) {
      this.status.textContent = moments.length ? "Click: what was live at a moment. Drag: what grew between two." : "\u00a0";
      return;
    }
    const found = this.times.findIndex((end) => end >= value);
    if (old) return this.tellSides(found < 0 ? this.times.length - 1 : found);
    const i = found < 0 ? timeline.time.length - 1 : Math.min(found, timeline.time.length - 1);
    const resident = timeline.resident ? `, ${this.profile.format("bytes", timeline.resident[i])} resident (grey)` : "";
    const blocks = timeline.blocks ? `, ${exact(timeline.blocks[i])} blocks` : "";
    this.status.textContent = `${time(timeline.time[i], timeUnit)}: up to ${this.profile.format("bytes", timeline.most[i])} live${blocks}${resident}`;
  }

  tellSides(index) {
    const [now, old] = this.values;
    const side = (line, name) => (line?.[index] != null ? `, ${name} ${this.profile.format("bytes", line[index])}` : "");
    this.status.textContent = `${time(this.times[index], this.profile.timeUnit)}: live up to${side(now, "new").slice(1)}${side(old, "old (grey)")}`;
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const last = this.profile.moments.length - 1;
    if (step) {
      const range = this.range ?? { from: step > 0 ? -1 : last + 1, to: step > 0 ? -1 : last + 1 };
      const to = Math.min(Math.max(range.to + step, 0), last);
      const from = Math.min(Math.max(range.from, 0), last);
      this.choose(event.shiftKey ? { from: Math.min(from, to), to: Math.max(from, to) } : { from: to, to });
    } else if (event.key === "Escape" && this.range) this.choose(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
