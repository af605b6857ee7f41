// SPDX-License-Identifier: MIT
// The view as a part of the page's address, so that a link shows the same and the browser's Back goes to the view before.

const SEPARATOR = ".";

export function write(view) {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(view)) for (const one of [value].flat()) if (one !== "" && one !== undefined && one !== null) words.append(key, one);
  return words.toString();
}

export const read = () => new URLSearchParams(location.hash.slice(1));

export const path = (functions) => functions.join(SEPARATOR);

export const functionsOf = (text) => (text ? text.split(SEPARATOR).map(Number) : []);

// Shows the view in the address. A view that differs only in how far it was typed replaces the one before.
export function show(view, typing) {
  const hash = `#${write(view)}`;
  if (hash === (location.hash || "#")) return;
  if (typing) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
}
