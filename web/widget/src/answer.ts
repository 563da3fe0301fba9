// The body of one answer: checked sentences, a numbered chip for each citation, the sources under them.
import { h } from "../../shared/dom";
import { inline, link } from "./inline";
import { text } from "./texts";
import type { Citation, Sentence } from "./types";

export class Answer {
  readonly node = h("div", { class: "answer" });
  private readonly words = h("div", { class: "words", dir: "auto" });
  private readonly list = h("ol");
  private readonly label = h("summary");
  private readonly sources = h("details", { class: "sources", hidden: true }, this.label, this.list);
  private readonly chips = new Map<HTMLButtonElement, number>();
  private readonly items = new Map<number, HTMLLIElement>();
  private said = ""; // the sentence before
  private only: number | null = null; // the one source a chip has opened

  constructor(private readonly base: string) {
    this.node.append(this.words, this.sources);
    this.label.addEventListener("click", (event) => this.showAll(event));
  }

  add(sentence: Sentence): void {
    const part = h("span", { class: "sentence" }, inline(sentence.text));
    for (const citation of sentence.citations) {
      this.addSource(citation);
      part.append(this.chip(citation));
    }
    this.words.append(this.gap(sentence.text), part);
    this.said = sentence.text;
  }

  clear(): void {
    this.words.replaceChildren();
    this.said = "";
    this.list.replaceChildren();
    this.chips.clear();
    this.items.clear();
    this.sources.hidden = true;
    this.sources.open = false;
    this.only = null;
  }

  /** Between two sentences; one that ends without a stop (a row of a sheet) gets a line of its own. */
  private gap(next: string): Node | string {
    if (!this.said) return "";
    const stopped = [this.said, next].every((one) => /[.!?…:。！？]["'’”)\]]*$/.test(one.trim()));
    return stopped ? " " : h("br");
  }

  private chip({ n, title }: Citation): HTMLButtonElement {
    const label = `${text("source", { n })}: ${title}`;
    const chip = h("button", { type: "button", class: "chip", "aria-expanded": "false", "aria-label": label }, `${n}`);
    chip.addEventListener("click", () => this.toggle(n));
    this.chips.set(chip, n);
    return chip;
  }

  private addSource(citation: Citation): void {
    if (this.items.has(citation.n)) return;
    const { n, title, place, quote, url } = citation;
    const item = h(
      "li",
      { value: `${n}` },
      h("b", { dir: "auto" }, title),
      place && h("span", { class: "place" }, place),
      h("blockquote", { dir: "auto" }, quote),
      url && link(url, text("open_source"), this.base),
    );
    this.items.set(n, item);
    this.list.append(item);
    this.sources.hidden = false;
    this.label.textContent = `${text("sources")} (${this.items.size})`;
  }

  private toggle(n: number): void {
    const close = this.sources.open && this.only === n;
    this.only = close ? null : n;
    this.sources.open = !close;
    this.mark();
    if (!close) this.items.get(n)?.scrollIntoView({ block: "nearest" });
  }

  private showAll(event: Event): void {
    if (this.only !== null) event.preventDefault(); // one was open: show the rest rather than close it
    this.only = null;
    this.mark();
  }

  private mark(): void {
    for (const [number, item] of this.items) item.hidden = this.only !== null && this.only !== number;
    for (const [chip, number] of this.chips) chip.setAttribute("aria-expanded", String(this.only === number));
  }
}
