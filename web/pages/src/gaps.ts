// Questions without an answer: each group can be answered, which adds to FAQ.txt, or dismissed and brought back.
import { h, icon } from "../../shared/dom";
import type { Api } from "./api";
import { place, type Placed } from "./place";
import { reason, toast } from "./toast";

interface Gap {
  id: string;
  state: "open" | "drafted" | "dismissed" | "closed";
  count: number;
  question: string;
  examples: string[];
  last_asked_at: string;
  draft: { question: string; answer: string } | null;
  published_at: string | null;
}

interface Drafted {
  gap: Gap;
  suggestions: (Placed & { quote: string })[];
}

const POLL_MS = 2000;
const READ_MS = 60_000; // by then a published answer was read, or something is in its way
const DISMISS = "M6 6l12 12M18 6L6 18";
const NOTHING = "Nothing is waiting. What visitors ask and the agent cannot answer appears here.";

export class GapList {
  readonly node = h("section", { "aria-labelledby": "gaps-title" });
  private readonly title = h("h2", { id: "gaps-title", tabindex: "-1" }, "Questions without an answer");
  private readonly list = h("ul", { class: "files gaps" });
  private base = "";
  private editing = "";
  private timer = 0;

  constructor(private readonly api: Api) {
    const words = "Asked in the last 90 days. An answer you write goes into the source FAQ.txt, and the question leaves this list once the agent finds it.";
    this.node.append(this.title, h("p", { class: "quiet" }, words), this.list);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.base = "";
  }

  choose(base: string): void {
    this.base = base;
    this.editing = "";
    this.list.replaceChildren();
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    const base = this.base;
    if (!base) return;
    try {
      const gaps = await this.api.all<Gap>(`knowledge-bases/${base}/gaps`);
      if (base !== this.base) return;
      this.render(gaps);
      if (gaps.some(isBeingRead)) this.timer = window.setTimeout(() => void this.refresh(), POLL_MS);
    } catch (error) {
      toast(reason(error));
    }
  }

  /** The row that is being written in stays as it is. */
  private render(gaps: Gap[]): void {
    const open = this.editing ? this.list.querySelector(`[data-gap="${this.editing}"]`) : null;
    const rows = gaps.map((gap) => (open && gap.id === this.editing ? open : this.row(gap)));
    this.list.replaceChildren(...(rows.length ? rows : [h("li", { class: "nothing" }, NOTHING)]));
  }

  private row(gap: Gap): HTMLLIElement {
    const others = gap.examples.filter((one) => one !== gap.question);
    const times = `Asked ${gap.count === 1 ? "once" : `${gap.count} times`} · last on ${day(gap.last_asked_at)}`;
    const also = others.length > 0 && h("span", { class: "quiet" }, `Also: ${others.map((one) => `“${one}”`).join(", ")}`);
    const what = h("div", { class: "what" }, h("b", {}, gap.question), h("span", { class: "quiet" }, times), also);
    const label = gap.draft?.answer ? "Edit the answer" : "Write an answer";
    const write = h("button", { type: "button", "aria-label": `${label}: ${gap.question}` }, label);
    const dismiss = h("button", { type: "button", class: "plain", "aria-label": `Dismiss: ${gap.question}` }, icon(DISMISS, 18));
    const row = h("li", { "data-gap": gap.id }, what, stateOf(gap), write, dismiss);
    write.addEventListener("click", () => void this.write(gap.id, row, write));
    dismiss.addEventListener("click", () => void this.dismiss(gap.id));
    if (gap.published_at && !isBeingRead(gap)) {
      row.append(h("p", { class: "warning" }, "Your answer is in FAQ.txt, but the agent does not find it for each of these wordings. Try other words in it."));
    }
    return row;
  }

  private async write(id: string, row: HTMLLIElement, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    try {
      const drafted = await this.api.ask<Drafted>("POST", `gaps/${id}/draft`);
      this.editing = "";
      this.list.querySelector("form")?.remove();
      this.list.querySelectorAll("button").forEach((one) => (one.hidden = one.disabled = false));
      this.editing = id;
      button.hidden = true;
      row.append(this.form(drafted, row));
      row.querySelector("textarea")?.focus();
    } catch (error) {
      toast(reason(error));
    }
    button.disabled = false;
  }

  private form({ gap, suggestions }: Drafted, row: HTMLLIElement): HTMLFormElement {
    const question = h("input", { type: "text", maxlength: "190", required: true });
    const answer = h("textarea", { rows: "4", maxlength: "8000", required: true });
    question.value = gap.draft?.question ?? gap.question;
    answer.value = gap.draft?.answer ?? "";
    const near = suggestions.map((one) => {
      const use = h("button", { type: "button", "aria-label": `Use: ${one.quote}` }, "Use");
      use.addEventListener("click", () => {
        answer.value = `${answer.value.trim()} ${one.quote}`.trim();
        answer.focus();
      });
      return h("li", {}, h("div", { class: "what" }, h("span", {}, one.quote), h("span", { class: "quiet" }, place(one))), use);
    });
    const publish = h("button", { class: "primary" }, "Publish");
    const save = h("button", { type: "button" }, "Save as draft");
    const cancel = h("button", { type: "button", class: "plain" }, "Close");
    const form = h(
      "form",
      { class: "answer-form" },
      h("label", {}, "Question", question),
      h("label", {}, "Answer", answer),
      near.length > 0 && h("p", { class: "quiet" }, "Nearest in your sources"),
      near.length > 0 && h("ul", { class: "near" }, ...near),
      h("div", { class: "actions" }, publish, save, cancel),
    );
    const written = () => ({ question: question.value, answer: answer.value });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send(gap.id, "publish", written(), form, "Your answer is in FAQ.txt. The agent uses it in a moment.");
    });
    save.addEventListener("click", () => void this.send(gap.id, "draft", written(), form, "The draft is saved."));
    cancel.addEventListener("click", () => {
      this.close(form);
      row.querySelector("button")?.focus();
    });
    return form;
  }

  private async send(id: string, verb: string, body: object, form: HTMLFormElement, done: string): Promise<void> {
    const buttons = form.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    try {
      await this.api.ask("POST", `gaps/${id}/${verb}`, body);
      toast(done);
      this.close(form);
      await this.refresh();
      this.title.focus();
    } catch (error) {
      toast(reason(error));
      for (const button of buttons) button.disabled = false;
    }
  }

  private close(form: HTMLFormElement): void {
    form.closest("li")?.querySelectorAll("button").forEach((one) => (one.hidden = false));
    form.remove();
    this.editing = "";
  }

  private async dismiss(id: string): Promise<void> {
    await this.change(id, "dismiss");
    toast("The question is dismissed.", { label: "Undo", run: () => void this.change(id, "reopen") });
    this.title.focus();
  }

  private async change(id: string, verb: string): Promise<void> {
    try {
      await this.api.ask("POST", `gaps/${id}/${verb}`);
    } catch (error) {
      toast(reason(error));
    }
    if (this.editing === id) this.editing = "";
    await this.refresh();
  }
}

function isBeingRead({ published_at }: Gap): boolean {
  return published_at !== null && Date.now() - Date.parse(published_at) < READ_MS;
}

function stateOf(gap: Gap): HTMLSpanElement | null {
  if (isBeingRead(gap)) return h("span", { class: "state" }, "Being read");
  if (gap.published_at) return h("span", { class: "state warned" }, "Published");
  return gap.draft?.answer ? h("span", { class: "state" }, "Draft") : null;
}

function day(moment: string): string {
  return new Date(moment).toLocaleDateString([], { day: "numeric", month: "long" });
}
