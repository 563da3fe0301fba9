// <script async src="https://HOST/widget.js" data-site="KEY" data-lang="nl"></script>
// data-debug opens the shadow root, for tests.
import { Chat } from "./chat";

interface PublicFace {
  open(): void;
  close(): void;
  root?: ShadowRoot;
}

declare global {
  interface Window {
    AgentFlow?: PublicFace;
  }
}

const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>("script[data-site][src*='widget.js']");

function begin({ src, dataset }: HTMLScriptElement): void {
  const debug = "debug" in dataset;
  const chat = new Chat({
    base: new URL(".", src).href,
    site: dataset.site ?? "",
    language: dataset.lang || document.documentElement.lang || navigator.language || "en",
    debug,
  });
  const { panel } = chat;
  window.AgentFlow = { open: () => panel.toggle(true), close: () => panel.toggle(false) };
  if (debug) window.AgentFlow.root = panel.root;
  document.body.append(panel.host);
  chat.resume();
}

if (script?.dataset.site && !window.AgentFlow) {
  if (document.body) begin(script);
  else addEventListener("DOMContentLoaded", () => begin(script), { once: true });
}
