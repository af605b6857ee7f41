// SPDX-License-Identifier: MIT
// The parts of the report as tabs. A tab shows some of the sections; a section can be in several tabs.
import { make } from "./dom.js";

export class Tabs {
  // tabs: [key, title, sections]; sections: all of them, in the order of the page
  constructor(label, tabs, sections, changed) {
    this.sections = sections;
    this.panel = make("div", { role: "tabpanel", id: "panel" }, sections);
    this.tabs = tabs.map(([key, title, shown]) => ({
      key,
      shown,
      tab: make("button", { type: "button", role: "tab", id: `tab-${key}`, "aria-controls": "panel", onclick: () => changed(key) }, title),
    }));
    this.list = make("div", { class: "tabs", role: "tablist", "aria-label": label }, this.tabs.map(({ tab }) => tab));
    this.list.onkeydown = (event) => this.key(event);
    this.show();
  }

  // The first tab if the key is unknown.
  show(key) {
    const chosen = this.tabs.find((tab) => tab.key === key) ?? this.tabs[0];
    this.shown = chosen.key;
    for (const { tab } of this.tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen.tab));
      tab.tabIndex = tab === chosen.tab ? 0 : -1;
    }
    for (const section of this.sections) section.hidden = !chosen.shown.includes(section);
    this.panel.setAttribute("aria-labelledby", chosen.tab.id);
    this.panel.dataset.tab = chosen.key;
  }

  key(event) {
    const last = this.tabs.length - 1;
    const at = this.tabs.findIndex(({ key }) => key === this.shown);
    const to = { ArrowLeft: at ? at - 1 : last, ArrowRight: at < last ? at + 1 : 0, Home: 0, End: last }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    this.tabs[to].tab.click();
    this.tabs[to].tab.focus();
    event.preventDefault();
    event.stopPropagation();
  }
}
