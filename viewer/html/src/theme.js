// SPDX-License-Identifier: MIT
// Light or dark colours: those of the system, unless the button chooses others. Paper is light.

const dark = matchMedia("(prefers-color-scheme: dark)");

// print(true) before the page is printed, print(false) after it
export function listenToTheme(button, print) {
  const root = document.documentElement;
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
    print(true);
  };
  window.onafterprint = () => {
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    show();
    print(false);
  };
  show();
}
