// A new file tried before it replaces a source: past questions answered with both, side by side.
import { h } from "../../shared/dom";
import type { Api } from "./api";
import { place, type Placed } from "./place";
import { reason, toast } from "./toast";

interface Source {
  id: string;
  name: string;
  origin: string;
}

interface Answered {
  action: string;
  text: string;
  citations: (Placed & { quote: string })[];
}

interface Change {
  question: string;
  change: "now_answered" | "no_longer_answered" | "different";
  old: Answered;
  new: Answered;
}

interface Preview {
  id: string;
  state: "queued" | "running" | "ready" | "failed";
  progress: { done: number; total: number };
  unchanged: number;
  changes: Change[];
  reason: { detail: string } | null;
}

const POLL_MS = 1000;
const CHANGES = { now_answered: "Now answered", no_longer_answered: "No longer answered", different: "Different" };

export class FilePreview {
  readonly node = h("section", { class: "preview", "aria-labelledby": "preview-title", hidden: true });
  private readonly sources = h("select", { "aria-label": "Source to replace" });
  private readonly input = h("input", { type: "file", required: true, "aria-label": "New file" });
  private readonly button = h("button", {}, "Compare");
  private readonly result = h("div", { "aria-live": "polite" });
  private base = "";
  private timer = 0;

  constructor(private readonly api: Api) {
    const form = h("form", { class: "ask-form" }, this.sources, this.input, this.button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.begin();
    });
    const words = "The last questions of your visitors are answered with the old and the new file. Nothing changes for visitors until you publish.";
    this.node.append(h("h2", { id: "preview-title" }, "Try a new version of a file"), h("p", { class: "quiet" }, words), form, this.result);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.base = "";
  }

  /** Offers the files of a knowledge base; with `file` the comparison with `source` begins at once. */
  async choose(base: string, source = "", file: File | null = null): Promise<void> {
    this.stop();
    this.base = base;
    this.result.replaceChildren();
    const found = base ? await this.api.all<Source>(`knowledge-bases/${base}/sources`).catch(() => []) : [];
    const files = found.filter(({ origin }) => origin === "upload");
    this.sources.replaceChildren(...files.map(({ id, name }) => h("option", { value: id }, name)));
    this.node.hidden = files.length === 0;
    if (!source) return;
    this.sources.value = source;
    this.input.focus();
    if (!file) return;
    const chosen = new DataTransfer();
    chosen.items.add(file);
    this.input.files = chosen.files;
    await this.begin();
  }

  private async begin(): Promise<void> {
    const body = new FormData();
    body.append("file", this.input.files?.[0] ?? "");
    this.button.disabled = true;
    try {
      this.show(await this.api.ask<Preview>("POST", `sources/${this.sources.value}/preview`, body));
    } catch (error) {
      this.result.replaceChildren(h("p", { class: "problem" }, reason(error)));
    }
    this.button.disabled = false;
  }

  private show(preview: Preview): void {
    clearTimeout(this.timer);
    const { state, progress, changes, unchanged } = preview;
    if (state === "failed") return this.result.replaceChildren(h("p", { class: "problem" }, preview.reason?.detail ?? ""));
    if (state !== "ready") {
      this.result.replaceChildren(h("p", { class: "quiet" }, progress.total ? `Answering ${progress.done} of ${progress.total}…` : "Reading the file…"));
      this.timer = window.setTimeout(() => void this.follow(preview.id), POLL_MS);
      return;
    }
    const total = changes.length + unchanged;
    const told = total ? `${changes.length} of ${total} past questions would be answered differently.` : "No visitor has asked anything yet.";
    const publish = h("button", { type: "button", class: "primary" }, "Publish the new file");
    const discard = h("button", { type: "button" }, "Discard");
    publish.addEventListener("click", () => void this.end("POST", `previews/${preview.id}/publish`, "The new file is being read; it answers in a moment."));
    discard.addEventListener("click", () => void this.end("DELETE", `previews/${preview.id}`, "The new file is thrown away."));
    this.result.replaceChildren(h("p", {}, told), h("ul", { class: "changes" }, ...changes.map(row)), h("div", { class: "actions" }, publish, discard));
  }

  private async follow(id: string): Promise<void> {
    if (!this.base) return;
    try {
      this.show(await this.api.get<Preview>(`previews/${id}`));
    } catch (error) {
      this.result.replaceChildren(h("p", { class: "problem" }, reason(error)));
    }
  }

  private async end(method: "POST" | "DELETE", path: string, words: string): Promise<void> {
    try {
      await this.api.ask(method, path);
      this.result.replaceChildren();
      this.input.value = "";
      toast(words);
      this.sources.focus();
    } catch (error) {
      toast(reason(error));
    }
  }
}

function row({ question, change, ...answers }: Change): HTMLLIElement {
  const state = { now_answered: "ready", no_longer_answered: "failed", different: "warned" }[change];
  const sides = h("div", { class: "sides" }, side("Old", answers.old), side("New", answers.new));
  return h("li", {}, h("div", { class: "verdict" }, h("b", {}, question), h("span", { class: `state ${state}` }, CHANGES[change])), sides);
}

function side(label: string, { text, citations }: Answered): HTMLDivElement {
  const places = [...new Set(citations.map(place))];
  return h("div", {}, h("span", { class: "quiet" }, label), h("p", { class: "words" }, text), places.length > 0 && h("span", { class: "quiet" }, places.join(" · ")));
}
