// SPDX-License-Identifier: MIT
// Panels of which one is shown.
import { make } from "./dom.js";

export class Tabs {
  // panels: [key, title, element]
  constructor(label, panels, changed) {
    this.panels = panels.map(([key, title, element]) => ({
      key,
      tab: make("button", { type: "button", role: "tab", id: `tab-${key}`, "aria-controls": `panel-${key}`, onclick: () => changed(key) }, title),
      panel: make("div", { role: "tabpanel", id: `panel-${key}`, "aria-labelledby": `tab-${key}` }, element),
    }));
    const list = make("div", { class: "tabs", role: "tablist", "aria-label": label }, this.panels.map(({ tab }) => tab));
    list.onkeydown = (event) => this.key(event);
    this.element = make("div", {}, list, this.panels.map(({ panel }) => panel));
    this.show(panels[0][0]);
  }

  show(key) {
    this.shown = this.panels.some((panel) => panel.key === key) ? key : this.panels[0].key;
    for (const { key: own, tab, panel } of this.panels) {
      const shown = own === this.shown;
      panel.hidden = !shown;
      tab.setAttribute("aria-selected", String(shown));
      tab.tabIndex = shown ? 0 : -1;
    }
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const at = this.panels.findIndex(({ key }) => key === this.shown);
    const { tab } = this.panels[(at + step + this.panels.length) % this.panels.length];
    tab.click();
    tab.focus();
    event.stopPropagation();
  }
}
