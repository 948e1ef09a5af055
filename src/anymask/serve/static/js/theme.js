/** The theme of the page: as the system says, or light, or dark. */

const KEY = 'anymask.theme';
export const THEMES = Object.freeze(['auto', 'light', 'dark']);

/** Gives the theme chosen last on this computer, 'auto' if none. */
export function chosenTheme() {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.includes(kept) ? kept : 'auto';
  } catch {
    // A browser that keeps nothing still shows the page.
    return 'auto';
  }
}

/** Shows the page in `theme`. */
export function applyTheme(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Shows the page in `theme` and keeps the choice. */
export function chooseTheme(theme) {
  applyTheme(theme);
  try {
    if (theme === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Kept for this visit alone.
  }
}
