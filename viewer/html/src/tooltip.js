// SPDX-License-Identifier: MIT
// A box at the pointer. Readers of the screen get the same text from the element below the pointer.
import { make } from "./dom.js";

const AWAY = 14; // pixels

export class Tooltip {
  constructor(id = "tooltip") {
    this.element = make("div", { class: "tooltip", id, "aria-hidden": "true", hidden: "" });
    document.body.append(this.element);
  }

  // lines: [title, text, ...]; null takes the box away
  show(event, lines) {
    this.element.hidden = !lines;
    if (!lines) return;
    this.element.replaceChildren(...lines.filter(Boolean).map((line, i) => make("div", { class: i ? "" : "title" }, make("bdi", {}, line))));
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const { clientWidth, clientHeight } = document.documentElement;
    const left = event.clientX + AWAY + width > clientWidth ? event.clientX - AWAY - width : event.clientX + AWAY;
    const top = event.clientY + AWAY + height > clientHeight ? event.clientY - AWAY - height : event.clientY + AWAY;
    Object.assign(this.element.style, { left: `${Math.max(left, 0)}px`, top: `${Math.max(top, 0)}px` });
  }
}
