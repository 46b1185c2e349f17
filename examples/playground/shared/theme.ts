// Light or dark: what the system says, unless the reader chose. Canvases ask for colours again when it changes.
import { useEffect, useState } from "preact/hooks";

export type Theme = "light" | "dark";

const KEY = "convolith-theme";
const media = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function stored(): Theme | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : undefined;
  } catch {
    return undefined; // storage is forbidden: the system's choice it is
  }
}

export const currentTheme = (): Theme =>
  (document.documentElement.dataset.theme as Theme | undefined) ?? (media.matches ? "dark" : "light");

export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {}
  for (const listener of listeners) listener();
}

const given = stored();
if (given) document.documentElement.dataset.theme = given;
media.addEventListener("change", () => {
  for (const listener of listeners) listener();
});

export function useTheme(): Theme {
  const [theme, set] = useState(currentTheme);
  useEffect(() => {
    const change = () => set(currentTheme());
    listeners.add(change);
    return () => void listeners.delete(change);
  }, []);
  return theme;
}

/** The value of a custom property of style.css: colour("--accent"). */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
