// The demo page: a button that opens the chat, and the line that puts it on another page.

interface Face {
  open(): void;
}

const script = document.querySelector<HTMLScriptElement>("script[data-site]");
const site = script?.dataset.site ?? "";
const start = document.querySelector<HTMLButtonElement>("#start");
const missing = document.querySelector<HTMLElement>("#missing");
const snippet = document.querySelector<HTMLElement>("#snippet");

if (snippet) {
  const key = site || "YOUR-SITE-KEY";
  snippet.textContent = `<script async src="${location.origin}/widget.js" data-site="${key}" data-lang="en"></script>`;
}
if (start && missing) {
  start.hidden = !site;
  missing.hidden = Boolean(site);
  start.addEventListener("click", () => (window as { AgentFlow?: Face }).AgentFlow?.open());
}
