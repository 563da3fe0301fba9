// One line at the foot of the page: what happened, and perhaps a way back.
import { h } from "../../shared/dom";

const SHOWN_MS = 12_000;
const place = document.querySelector<HTMLElement>("#toast");
let timer = 0;

export function toast(words: string, action?: { label: string; run: () => void }): void {
  clearTimeout(timer);
  const button = action && h("button", { type: "button" }, action.label);
  button?.addEventListener("click", () => {
    place?.replaceChildren();
    action?.run();
  });
  place?.replaceChildren(h("div", { class: "toast" }, h("span", {}, words), button));
  timer = window.setTimeout(() => place?.replaceChildren(), SHOWN_MS);
}

export function clearToast(): void {
  place?.replaceChildren();
}

/** What to show of an error of any kind. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
