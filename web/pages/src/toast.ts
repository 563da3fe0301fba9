// One line at the foot of the page: what happened, and perhaps a way back.
import { h } from "../../shared/dom";

const SHOWN_MS = 12_000;
const place = document.querySelector<HTMLElement>("#toast");
let timer = 0;

export function toast(words: string, action?: { label: string; run: () => void }): void {
  clearTimeout(timer);
  timer = window.setTimeout(clearToast, SHOWN_MS);
  if (!action && place?.textContent === words) return; // read out once, however often it happens
  const button = action && h("button", { type: "button" }, action.label);
  button?.addEventListener("click", () => {
    clearToast();
    action?.run();
  });
  place?.replaceChildren(h("div", { class: "toast" }, h("span", {}, words), button));
}

export function clearToast(): void {
  place?.replaceChildren();
}

/** What to show of an error of any kind: some details of the API begin in lower case, as file names may. */
export function reason(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  return words.replace(/^[a-z]+ /, (first) => first.charAt(0).toUpperCase() + first.slice(1));
}
