// The conversation as shown: finished messages by their number, then what is being sent, then what is
// being written. Everything may arrive twice or out of order; the same news changes nothing.
import { h } from "../../shared/dom";
import { Answer } from "./answer";
import { inline } from "./inline";
import { text } from "./texts";
import type { Message, Sentence, SentenceEvent } from "./types";

const SENDING = 1e14; // above every message number
const WRITING = 1e15;
const TYPING_MS = 60_000;

interface Entry {
  node: HTMLElement;
  bubble: HTMLElement;
  foot: HTMLElement;
  order: number;
  final: boolean;
  answer: Answer | null;
  attempt: number;
  shown: Sentence[]; // sparse: a sentence's place is its number
}

export class Thread {
  readonly node = h("div", { class: "log", role: "log", tabindex: "0" });
  private readonly entries = new Map<string, Entry>();
  private readonly dots = h("div", { class: "m agent dots", hidden: true }, h("i"), h("i"), h("i"));
  private readonly standing = h("p", { class: "standing", hidden: true });
  private readonly empty = h("div", { class: "empty" });
  private typingTimer = 0;
  private atEnd = true;

  constructor(private readonly base: string) {
    this.node.append(this.empty, this.dots, this.standing);
  }

  get isEmpty(): boolean {
    return this.entries.size === 0;
  }

  greet(suggestions: string[], ask: (question: string) => void): void {
    const buttons = suggestions.slice(0, 3).map((question) => {
      const button = h("button", { type: "button", class: "ask", dir: "auto" }, question);
      button.addEventListener("click", () => ask(question));
      return button;
    });
    const label = buttons.length > 0 && h("p", { class: "hint" }, text("suggestions"));
    this.empty.replaceChildren(...[h("p", { class: "hello" }, text("greeting")), label, ...buttons].filter((e) => e !== false));
  }

  clear(): void {
    for (const entry of this.entries.values()) entry.node.remove();
    this.entries.clear();
    this.standing.hidden = true;
    this.typing(false);
    this.empty.hidden = false;
  }

  /** A message of ours on its way. */
  pending(id: string, body: string): void {
    const entry = this.entries.get(id) ?? this.add(id, "contact", SENDING + this.entries.size);
    entry.bubble.textContent = body;
    entry.node.classList.add("sending");
    this.scroll(true);
  }

  sent(id: string, messageId: string): void {
    const entry = this.entries.get(id);
    if (!entry) return; // its event was faster than the answer to the request
    entry.node.classList.remove("sending");
    entry.foot.replaceChildren();
    if (!this.entries.has(messageId)) this.rename(id, messageId);
  }

  failed(id: string, reason: string, retry: (() => void) | null): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    entry.node.classList.remove("sending");
    const button = h("button", { type: "button", class: "retry" }, reason);
    button.addEventListener("click", () => retry?.());
    entry.foot.replaceChildren(retry ? button : h("span", { class: "retry" }, reason));
    this.scroll();
  }

  /** True if the message is news. */
  put(message: Message): boolean {
    const mine = message.client_msg_id ?? "";
    if (this.entries.has(mine)) this.rename(mine, message.message_id);
    const known = this.entries.get(message.message_id);
    const entry = known ?? this.add(message.message_id, message.role, message.seq);
    const fresh = !entry.final;
    this.settle(message.role);
    entry.final = true;
    this.place(entry, message.seq);
    entry.node.classList.remove("sending", "writing");
    if (fresh) {
      this.fill(entry, message);
      entry.foot.replaceChildren();
    }
    entry.node.removeAttribute("aria-busy");
    if (message.status) this.status(message.message_id, message.status);
    if (message.role !== "contact") this.typing(false);
    this.scroll();
    return fresh;
  }

  /** One more sentence of an answer; a new attempt starts it over. */
  sentence(event: SentenceEvent): void {
    let entry = this.entries.get(event.message_id);
    if (!entry) {
      entry = this.add(event.message_id, "agent", WRITING);
      entry.node.setAttribute("aria-busy", "true");
      entry.node.classList.add("writing");
    }
    if (entry.final || event.attempt < entry.attempt) return;
    if (event.attempt > entry.attempt) {
      entry.attempt = event.attempt;
      entry.shown = [];
      entry.answer?.clear();
    }
    const last = event.n >= entry.shown.length;
    entry.shown[event.n] = event;
    if (last) this.answer(entry).add(event);
    else this.rewrite(entry, entry.shown);
    this.typing(false);
    this.scroll();
  }

  status(messageId: string, status: string): void {
    const entry = this.entries.get(messageId);
    if (entry && !entry.final && status === "failed" && entry.node.classList.contains("writing")) {
      entry.node.remove(); // an answer that was begun and given up, because a person took over
      this.entries.delete(messageId);
      return;
    }
    if (!entry?.node.classList.contains("contact")) return;
    const known = status === "read" ? text("read") : status === "failed" ? text("refused") : text("sent");
    entry.foot.replaceChildren(h("span", { class: "seen" }, known));
  }

  /** Where the conversation stands, below the newest message until it no longer holds. */
  state(kind: "handoff" | "closed", words: string): void {
    this.standing.textContent = words;
    this.standing.dataset.kind = kind;
    this.standing.hidden = false;
    this.typing(false);
    this.scroll();
  }

  /** What was last said of the state is over once this one speaks. */
  private settle(role: Message["role"]): void {
    const { kind } = this.standing.dataset;
    const over = kind === "closed" ? role === "contact" : role === "staff" || role === "system";
    if (over) this.standing.hidden = true;
  }

  typing(on: boolean): void {
    clearTimeout(this.typingTimer);
    this.dots.hidden = !on;
    if (!on) return;
    this.typingTimer = window.setTimeout(() => this.typing(false), TYPING_MS);
    this.scroll();
  }

  /** To the newest, unless the visitor has scrolled up to read. */
  scroll(always = false): void {
    const { node } = this;
    if (!always && !this.atEnd) return;
    node.scrollTop = node.scrollHeight;
  }

  /** To be called when the log has been scrolled. */
  scrolled(): void {
    const { node } = this;
    this.atEnd = node.scrollHeight - node.scrollTop - node.clientHeight < 40;
  }

  private add(key: string, role: string, order: number): Entry {
    const bubble = h("div", { class: "bubble", dir: "auto" });
    const foot = h("div", { class: "foot" });
    const who = h("div", { class: `who${role === "contact" ? " unseen" : ""}` }, this.name(role));
    const node = h("div", { class: `m ${role}` }, role !== "system" && who, bubble, foot);
    const entry: Entry = { node, bubble, foot, order, final: false, answer: null, attempt: 0, shown: [] };
    this.entries.set(key, entry);
    this.empty.hidden = true;
    this.place(entry, order);
    return entry;
  }

  private name(role: string): string {
    return text(role === "contact" ? "you" : role === "staff" ? "staff" : "assistant");
  }

  private place(entry: Entry, order: number): void {
    if (entry.order === order && entry.node.parentNode) return;
    entry.order = order;
    let next: Entry | null = null;
    for (const other of this.entries.values())
      if (other !== entry && other.order > order && (!next || other.order < next.order)) next = other;
    (next?.node ?? this.dots).before(entry.node);
  }

  private rename(from: string, to: string): void {
    const entry = this.entries.get(from);
    if (!entry || from === to) return;
    this.entries.delete(from);
    this.entries.set(to, entry);
  }

  private fill(entry: Entry, message: Message): void {
    const sentences = message.sentences ?? [];
    if (message.role === "agent" && sentences.length > 0) {
      if (JSON.stringify(strip(entry.shown)) !== JSON.stringify(strip(sentences))) this.rewrite(entry, sentences);
    } else if (message.role === "contact") {
      entry.bubble.textContent = message.text;
    } else {
      entry.bubble.replaceChildren(inline(message.text));
    }
  }

  private answer(entry: Entry): Answer {
    if (!entry.answer) {
      entry.answer = new Answer(this.base);
      entry.bubble.replaceChildren(entry.answer.node);
    }
    return entry.answer;
  }

  private rewrite(entry: Entry, sentences: Sentence[]): void {
    const answer = this.answer(entry);
    answer.clear();
    sentences.forEach((sentence) => answer.add(sentence));
  }
}

/** What the eye sees of the sentences, to tell whether the final message differs from the draft. */
function strip(sentences: Sentence[]): unknown[] {
  return sentences.flatMap((one) => (one ? [[one.text, one.citations.map((c) => [c.n, c.title, c.place, c.quote, c.url])]] : []));
}
