// Light, dark, or as the system has it.

const NEXT = { auto: "light", light: "dark", dark: "auto" };
const WORDS = { auto: "◐ Auto", light: "○ Light", dark: "● Dark" };
const KEY = "eigen-graph-theme";

/** Make the button switch between them and remember the choice where the browser lets a file do so. */
export function switchTheme(button) {
  let theme = stored();
  const show = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = WORDS[theme];
    button.setAttribute("aria-label", `Colours: ${theme}. Switch to ${NEXT[theme]}.`);
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // a file may have no storage: the choice holds until the page is closed
    }
    show();
  });
  show();
}

function stored() {
  try {
    const found = localStorage.getItem(KEY);
    return found in NEXT ? found : "auto";
  } catch {
    return "auto";
  }
}
