// SPDX-License-Identifier: MIT
// Light or dark colours: those of the system, unless the button chooses others. Paper is light.

export function listenToTheme(button, on) {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const now = () => root.dataset.theme ?? (dark.matches ? "dark" : "light");
  const show = () => {
    button.textContent = now() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} colours`);
  };
  button.onclick = () => {
    root.dataset.theme = now() === "dark" ? "light" : "dark";
    show();
  };
  dark.onchange = show;
  let before;
  window.onbeforeprint = () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    show();
    on.print(true);
  };
  window.onafterprint = () => {
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    show();
    on.print(false);
  };
  show();
}
