// A small search console: what a question finds, with the scores that chose it, and whether it counts as known.
import { h } from "../../shared/dom";
import type { Api } from "./api";
import { place, type Placed } from "./place";
import { reason } from "./toast";

interface Item extends Placed {
  rank: number;
  text: string;
  score: number;
  dense: number;
  lexical: number;
  sentence: number;
  best_sentence: { text: string } | null;
  matched: string[];
}

interface Found {
  known: boolean;
  evidence: { margin: number } | null;
  timings_ms: Record<string, number>;
  items: Item[];
}

const SHOWN = 5;

export class SearchConsole {
  readonly node = h("section", { class: "console", "aria-labelledby": "console-title" });
  private readonly box = h("input", { type: "text", maxlength: "2000", required: true, "aria-label": "Question", placeholder: "Try a question…" });
  private readonly button = h("button", { disabled: true }, "Search"); // until there is a base to search in
  private readonly result = h("div", { "aria-live": "polite" });
  private base = "";

  constructor(private readonly api: Api) {
    const form = h("form", { class: "ask-form" }, this.box, this.button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.search();
    });
    const words = "What the agent is given for a question, best first, and why.";
    this.node.append(h("h2", { id: "console-title" }, "Search as the agent does"), h("p", { class: "quiet" }, words), form, this.result);
  }

  choose(base: string): void {
    this.base = base;
    this.button.disabled = !base;
    this.result.replaceChildren();
  }

  private async search(): Promise<void> {
    this.button.disabled = true;
    try {
      const body = { question: this.box.value, limit: SHOWN };
      this.show(await this.api.ask<Found>("POST", `knowledge-bases/${this.base}/search`, body));
    } catch (error) {
      this.result.replaceChildren(h("p", { class: "problem" }, reason(error)));
    }
    this.button.disabled = false;
  }

  private show({ known, evidence, timings_ms, items }: Found): void {
    const line = evidence ? ` (${evidence.margin >= 0 ? "+" : ""}${evidence.margin.toFixed(2)} against the line)` : "";
    const pill = h("span", { class: `state ${known ? "ready" : "warned"}` }, known ? "Known" : "Not known");
    const spent = Object.values(timings_ms).reduce((sum, one) => sum + one, 0);
    const verdict = `${known ? "The agent answers" : "The agent says that it does not know"}${line} · ${spent.toFixed(0)} ms`;
    const list = h("ol", { class: "found" }, ...items.map(row));
    this.result.replaceChildren(h("p", { class: "verdict" }, pill, verdict), items.length ? list : h("p", { class: "quiet" }, "There is nothing to search in yet."));
  }
}

function row(item: Item): HTMLLIElement {
  const scores = [`score ${item.score.toFixed(2)}`, `vectors ${item.dense.toFixed(2)}`, `letters ${item.lexical.toFixed(1)}`, `sentence ${item.sentence.toFixed(2)}`];
  return h(
    "li",
    {},
    h("b", {}, place(item)),
    h("blockquote", {}, item.best_sentence?.text ?? item.text),
    h("span", { class: "quiet" }, scores.join(" · ")),
    item.matched.length > 0 && h("span", { class: "quiet" }, `Shared letters: ${item.matched.join(", ")}`),
  );
}
