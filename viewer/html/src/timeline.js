// SPDX-License-Identifier: MIT
// Live bytes over time. If live bytes are known by site at some moments, a click chooses one of them, and dragging
// chooses two. on.range({from, to}) then gets their indices in profile.moments.
import uPlot from "uplot";
import { make } from "./dom.js";
import { exact, time } from "./numbers.js";

const HEIGHT = 190;
const CLICK = 5; // pixels
const OLD = "old";
const END = 0.004; // the width of what is live at the end, as a part of the run

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

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
    this.chart = make("div", {
      class: "chart",
      id: "chart",
      tabindex: chooses ? "0" : undefined,
      role: chooses ? "slider" : "img",
      "aria-label": chooses
        ? "Live bytes over time: left and right arrow keys choose a moment, with Shift a range, Escape none"
        : "Live bytes over time",
    });
    this.status = make("p", { class: "status", id: "chart-status" });
    this.legend = make("ul", { class: "legend", id: "chart-legend", "aria-label": "Lines of the chart" });
    this.element = make("div", {}, this.chart, this.legend, this.status);
    if (profile.marks.length)
      this.element.append(make("p", { class: "status", id: "marks" }, `Marks: ${profile.marks.map((mark) => `${mark.name} ${time(mark.time, profile.timeUnit)}`).join(", ")}`));
    if (chooses) this.chart.onkeydown = (event) => this.key(event);
  }

  // Call this once the element is in the page.
  start() {
    this.draw();
    new ResizeObserver(() => {
      if (this.chart.clientWidth !== this.plot.width) this.plot.setSize({ width: this.chart.clientWidth, height: HEIGHT });
      this.showSelection();
    }).observe(this.chart);
  }

  // Call this again when the colours have changed.
  draw() {
    const { timeUnit } = this.profile;
    this.plot?.destroy();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    axis.font = "11px system-ui, sans-serif";
    const series = { width: 1.5, points: { show: false }, paths: uPlot.paths.stepped({ align: -1 }) };
    const { times, lines, grey } = this.lines();
    this.legend.replaceChildren(...this.legendEntries(grey));
    this.plot = new uPlot(
      {
        width: this.chart.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        // uPlot clears the selection at each move of a drag that it follows itself, so it must not see the button.
        cursor: { drag: { x: false, y: false }, bind: { mousedown: () => null, mouseup: () => null, dblclick: () => null }, y: false, points: { show: false } },
        scales: { x: { time: false, range: () => [0, times.at(-1) || 1] }, y: { range: (_, __, most) => [0, (most || 1) * 1.12] } },
        axes: [
          { ...axis, values: (_, ticks) => ticks.map((tick) => time(tick, timeUnit)), space: 90 },
          {
            ...axis,
            values: (_, ticks) => ticks.map((tick) => this.profile.format("bytes", tick)),
            size: 76,
            incrs: Array.from({ length: 60 }, (_, power) => 2 ** power),
          },
        ],
        series: [
          {},
          { ...series, stroke: colour("--accent"), fill: colour("--accent-faint") },
          ...(grey ? [{ ...series, stroke: colour("--soft") }] : []),
        ],
        hooks: { draw: [() => this.drawMarks()], setCursor: [() => this.tell()] },
      },
      [[0, ...times], ...lines.map((line) => [line[0], ...line])],
      this.chart,
    );
    if (this.profile.moments.length) this.listen();
    this.showSelection();
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
    const { ctx, bbox } = this.plot;
    const { peakTime, totals } = this.profile;
    const ratio = window.devicePixelRatio;
    const x = (at) => Math.round(this.plot.valToPos(at, "x", true)) + 0.5;
    const line = (at, top, bottom, stroke, dash) => {
      ctx.strokeStyle = stroke;
      ctx.setLineDash(dash);
      ctx.beginPath();
      ctx.moveTo(x(at), top);
      ctx.lineTo(x(at), bottom);
      ctx.stroke();
    };
    ctx.save();
    ctx.lineWidth = ratio;
    const bottom = bbox.top + bbox.height;
    for (const moment of this.profile.moments) line(moment.time, bottom - 5 * ratio, bottom, colour("--soft"), []);
    line(peakTime, bbox.top, bottom, colour("--mark"), [4 * ratio, 3 * ratio]);
    const text = `peak ${this.profile.format("bytes", totals.peakBytes)}`;
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.fillStyle = colour("--mark");
    const right = x(peakTime) + 5 * ratio + ctx.measureText(text).width < bbox.left + bbox.width;
    ctx.textAlign = right ? "left" : "right";
    ctx.textBaseline = "top";
    ctx.fillText(text, x(peakTime) + (right ? 5 : -5) * ratio, bbox.top);
    this.drawNames(x, line, ratio);
    if (this.range && this.range.from === this.range.to)
      line(this.profile.moments[this.range.from].time, bbox.top, bottom, colour("--accent"), []);
    ctx.restore();
  }

  // Draws the moments that the program named. A name that would cover the previous one is left out.
  drawNames(x, line, ratio) {
    const { ctx, bbox } = this.plot;
    const top = bbox.top + 14 * ratio;
    let taken = -Infinity;
    ctx.fillStyle = colour("--soft");
    ctx.textAlign = "left";
    for (const mark of this.profile.marks) {
      line(mark.time, top, bbox.top + bbox.height, colour("--soft"), [ratio, 3 * ratio]);
      const width = ctx.measureText(mark.name).width;
      const right = x(mark.time) + 3 * ratio;
      const left = right + width < bbox.left + bbox.width ? right : x(mark.time) - 3 * ratio - width;
      if (left <= taken) continue;
      ctx.fillText(mark.name, left, top);
      taken = left + width;
    }
  }

  listen() {
    const { over } = this.plot;
    let start = null;
    const place = (event) => {
      const box = over.getBoundingClientRect();
      return Math.min(Math.max(event.clientX - box.left, 0), box.width);
    };
    over.onpointerdown = (event) => {
      start = place(event);
      over.setPointerCapture(event.pointerId);
    };
    over.onpointermove = (event) => {
      if (start === null || Math.abs(place(event) - start) < CLICK) return;
      const left = Math.min(start, place(event));
      this.chart.classList.add("chosen");
      this.select(left, Math.abs(place(event) - start));
    };
    over.onpointerup = (event) => {
      if (start === null) return;
      const ends = [start, place(event)].sort((a, b) => a - b);
      start = null;
      if (ends[1] - ends[0] < CLICK) ends[1] = ends[0];
      const [from, to] = ends.map((at) => this.nearest(this.plot.posToVal(at, "x")));
      this.choose({ from, to });
    };
    over.onpointercancel = () => (start = null);
  }

  nearest(at) {
    const { moments } = this.profile;
    const away = (moment) => Math.abs(moment.time - at);
    return moments.reduce((best, moment, i) => (away(moment) < away(moments[best]) ? i : best), 0);
  }

  select(left, width) {
    this.plot.setSelect({ left, width, top: 0, height: this.plot.over.clientHeight }, false);
  }

  showSelection() {
    const { moments } = this.profile;
    this.chart.classList.toggle("chosen", this.range !== null);
    const at = (i) => this.plot.valToPos(moments[i].time, "x");
    if (this.range) this.select(at(this.range.from), at(this.range.to) - at(this.range.from));
    else this.select(0, 0);
    if (moments.length) {
      this.chart.setAttribute("aria-valuemin", 0);
      this.chart.setAttribute("aria-valuemax", moments.length - 1);
      this.chart.setAttribute("aria-valuenow", this.range ? this.range.to : 0);
      this.chart.setAttribute("aria-valuetext", this.range ? this.on.describe(this.range) : "none chosen");
    }
    this.plot.redraw(false);
    this.tell();
  }

  choose(range) {
    this.range = range;
    this.showSelection();
    this.on.range(range);
  }

  tell() {
    const { timeline, moments } = this.profile;
    const index = this.plot?.cursor.idx;
    if (index) {
      const i = Math.min(index - 1, timeline.time.length - 1);
      if (this.profile.old) return this.tellSides(index);
      const resident = timeline.resident ? `, ${this.profile.format("bytes", timeline.resident[i])} resident (grey)` : "";
      const blocks = timeline.blocks ? `, ${exact(timeline.blocks[i])} blocks` : "";
      this.status.textContent = `${time(timeline.time[i], this.profile.timeUnit)}: up to ${this.profile.format("bytes", timeline.most[i])} live${blocks}${resident}`;
    } else if (moments.length)
      this.status.textContent = "Click: what was live at a moment. Drag: what grew between two.";
    else this.status.textContent = "\u00a0";
  }

  tellSides(index) {
    const [times, now, old] = this.plot.data;
    const side = (line, name) => (line?.[index] != null ? `, ${name} ${this.profile.format("bytes", line[index])}` : "");
    this.status.textContent = `${time(times[index], this.profile.timeUnit)}: live up to${side(now, "new").slice(1)}${side(old, "old (grey)")}`;
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
