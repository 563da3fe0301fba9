// The conversations tab: read along, take over from the agent, answer, hand back.
import { h, icon } from "../../shared/dom";
import { Answer } from "../../widget/src/answer";
import { inline } from "../../widget/src/inline";
import type { Sentence } from "../../widget/src/types";
import type { Api, List } from "./api";
import { reason, toast } from "./toast";

interface Conversation {
  id: string;
  channel: string;
  owner_kind: "agent" | "staff" | "nobody";
  staff_id: string | null;
  handoff_reason: string | null;
  last_message_at: string;
  contact_name?: string | null;
}

interface Place {
  page: number | null;
  sheet: string | null;
  row: number | null;
  heading?: string; // not with older messages
}

/** A citation as it is stored. */
interface Cited extends Place {
  source_id: string;
  source: string;
  quote: string;
  public: boolean;
}

interface Message {
  id: string;
  seq: number;
  author: "contact" | "agent" | "staff" | "system";
  text: string;
  sentences: { text: string; citations: Cited[] }[];
  status: string;
  created_at: string;
}

const POLL_MS = 2000;
const LEFT = "M15 6l-6 6 6 6";
const OWNERS = { agent: "Agent", staff: "Staff", nobody: "Waiting for a person" };
const ANSWERS = { agent: "The agent answers", staff: "A person answers", nobody: "Waiting for a person" };
const REASONS: Record<string, string> = {
  customer_asks: "The visitor asked for a person.",
  no_answer: "The knowledge holds no answer.",
  failed_turns: "Several answers in a row did not help.",
  model_unavailable: "No language model could answer.",
  daily_cap: "The daily limit of answers is reached.",
  send_failed: "The answer could not be delivered.",
};
const CHANNELS: Record<string, string> = { livechat: "Live chat" };

export class ConversationsTab {
  readonly node = h("main", { class: "page talks" });
  private readonly list = h("ul", { class: "conversations" });
  private readonly thread = h("section", { class: "thread card", "aria-label": "Conversation" });
  private readonly messages = h("div", { class: "messages", role: "log", tabindex: "0", "aria-label": "Messages" });
  private readonly all = h("button", { type: "button", class: "plain all", "aria-label": "All conversations" }, icon(LEFT, 22));
  private readonly contact = h("h2");
  private readonly owner = h("span", { class: "state" });
  private readonly why = h("p", { class: "quiet" });
  private readonly take = h("button", { type: "button", class: "primary" }, "Take over");
  private readonly back = h("button", { type: "button" }, "Hand back to the agent");
  private readonly box = h("textarea", { rows: "2", "aria-label": "Your answer", placeholder: "Your answer to the visitor" });
  private readonly reply = h("form", { class: "reply" }, this.box, h("button", { class: "primary" }, "Send"));
  private chosen: string | null = null;
  private conversations: Conversation[] = [];
  private listed = ""; // the list as it is on the screen
  private readonly feet = new Map<string, HTMLElement>(); // of the messages on the screen
  private timer = 0;
  private stopped = false;

  constructor(
    private readonly api: Api,
    private readonly me: string,
  ) {
    const who = h("div", { class: "whose" }, this.contact, this.owner, this.why);
    const bar = h("div", { class: "bar" }, this.all, who, this.take, this.back);
    this.thread.append(bar, this.messages, this.reply);
    this.thread.hidden = true;
    const side = h("div", {}, h("div", { class: "heading" }, h("h1", {}, "Conversations")), this.list);
    this.node.append(side, this.thread);
    this.all.addEventListener("click", () => this.leave());
    this.take.addEventListener("click", () => void this.act("take-over"));
    this.back.addEventListener("click", () => void this.act("hand-back"));
    this.reply.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.answer();
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.reply.requestSubmit();
    });
    let ended = true; // the box grows with its text; the newest message stays in sight above it
    this.box.addEventListener("beforeinput", () => (ended = this.atEnd));
    this.box.addEventListener("input", () => ended && this.toEnd());
    void this.poll();
  }

  private get atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.messages;
    return scrollHeight - scrollTop - clientHeight < 40;
  }

  private toEnd(): void {
    this.messages.scrollTop = this.messages.scrollHeight;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    try {
      if (!document.hidden) await this.refresh();
    } catch (error) {
      toast(reason(error));
    }
    if (!this.stopped) this.timer = window.setTimeout(() => void this.poll(), POLL_MS);
  }

  private async refresh(): Promise<void> {
    const { items } = await this.api.get<List<Conversation>>("conversations?limit=50");
    this.conversations = items;
    this.renderList();
    if (this.chosen) await this.renderThread(this.chosen);
  }

  private renderList(): void {
    const print = JSON.stringify([this.chosen, this.conversations]);
    if (print === this.listed) return; // a list that stays as it is cannot swallow a click
    this.listed = print;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.conversation;
    const rows = this.conversations.map((conversation) => {
      const { id, channel, owner_kind, last_message_at } = conversation;
      const current = id === this.chosen;
      const button = h(
        "button",
        { type: "button", class: "conversation", "data-conversation": id, "aria-current": current && "true" },
        h("b", {}, nameOf(conversation)),
        h("span", { class: `state ${owner_kind}` }, OWNERS[owner_kind]),
        h("span", { class: "quiet" }, `${CHANNELS[channel] ?? channel} · ${clock(last_message_at)}`),
      );
      button.addEventListener("click", () => void this.choose(id));
      return h("li", {}, button);
    });
    const nothing = h("li", { class: "nothing" }, "No conversation yet. Open the ", h("a", { href: "/" }, "demo page"), " and ask something.");
    this.list.replaceChildren(...(rows.length ? rows : [nothing]));
    if (focused) this.list.querySelector<HTMLElement>(`[data-conversation="${focused}"]`)?.focus();
  }

  private async choose(id: string): Promise<void> {
    if (id === this.chosen) return;
    this.chosen = id;
    this.feet.clear();
    this.messages.replaceChildren();
    this.box.value = "";
    this.thread.hidden = false;
    this.renderList();
    await this.poll();
    this.thread.scrollIntoView({ block: "nearest" });
  }

  /** Back to the list, on a screen that has no room for both. */
  private leave(): void {
    const left = this.chosen;
    this.chosen = null;
    this.thread.hidden = true;
    this.renderList();
    this.list.querySelector<HTMLElement>(`[data-conversation="${left}"]`)?.focus();
  }

  private async renderThread(id: string): Promise<void> {
    const messages = await this.api.all<Message>(`conversations/${id}/messages`);
    const conversation = this.conversations.find((one) => one.id === id);
    if (id !== this.chosen || !conversation) return;
    const { atEnd } = this; // who reads further up is left there
    const { owner_kind, staff_id, handoff_reason } = conversation;
    const mine = owner_kind === "staff" && staff_id === this.me;
    this.contact.textContent = nameOf(conversation);
    this.owner.textContent = mine ? "You answer" : ANSWERS[owner_kind];
    this.owner.className = `state ${owner_kind}`;
    this.why.textContent = (owner_kind === "nobody" && REASONS[handoff_reason ?? ""]) || "";
    this.take.hidden = mine;
    this.back.hidden = owner_kind !== "staff";
    this.reply.hidden = !mine;
    this.renderMessages(messages, nameOf(conversation));
    if (atEnd) this.toEnd();
  }

  /** What stands there stays, so that an opened quote stays open; only the line under it may change. */
  private renderMessages(messages: Message[], contact: string): void {
    for (const message of messages) {
      const { id, author, status, created_at } = message;
      let foot = this.feet.get(id);
      if (!foot) {
        foot = h("p", { class: "quiet" });
        this.feet.set(id, foot);
        this.messages.append(bubble(message, foot));
      }
      const name = author === "contact" ? contact : author === "agent" ? "Agent" : "Staff";
      const words = `${name} · ${clock(created_at)}${author === "contact" ? "" : ` · ${status}`}`;
      if (foot.textContent !== words) foot.textContent = words;
    }
  }

  private async act(verb: "take-over" | "hand-back"): Promise<void> {
    this.take.disabled = this.back.disabled = true;
    try {
      await this.api.ask("POST", `conversations/${this.chosen}/${verb}`);
      await this.poll();
      if (verb === "take-over") this.box.focus();
      else this.take.focus();
    } catch (error) {
      toast(reason(error));
    } finally {
      this.take.disabled = this.back.disabled = false;
    }
  }

  private async answer(): Promise<void> {
    const words = this.box.value.trim();
    if (!words) return;
    try {
      await this.api.ask("POST", `conversations/${this.chosen}/messages`, { text: words });
      this.box.value = "";
      await this.poll();
    } catch (error) {
      toast(reason(error));
    }
  }
}

function nameOf({ id, contact_name }: Conversation): string {
  return contact_name || `Visitor ${id.slice(-4)}`;
}

function bubble({ author, text, sentences }: Message, foot: HTMLElement): HTMLElement {
  if (author === "agent" && sentences.length > 0) {
    const answer = new Answer(`${location.origin}/`);
    for (const sentence of numbered(sentences)) answer.add(sentence);
    return h("article", { class: "bubble agent" }, answer.node, foot);
  }
  const words = h("div", { class: "words", dir: "auto" });
  words.append(author === "contact" ? text : inline(text));
  return h("article", { class: `bubble ${author}` }, words, author !== "system" && foot);
}

/** With the numbers the visitor sees: they run through the whole answer, and the same passage keeps its own. */
function numbered(sentences: Message["sentences"]): Sentence[] {
  const numbers = new Map<string, number>();
  return sentences.map(({ text, citations }) => ({
    text,
    citations: citations.map(({ public: open, ...cited }) => {
      const key = JSON.stringify(cited);
      const n = numbers.get(key) ?? numbers.size + 1;
      numbers.set(key, n);
      const url = open ? `/widget/v1/sources/${cited.source_id}` : null;
      return { n, title: cited.source, place: placeOf(cited), quote: cited.quote, url };
    }),
  }));
}

function placeOf({ page, sheet, row, heading }: Place): string {
  if (row) return sheet ? `${sheet}, row ${row}` : `row ${row}`;
  return page ? `page ${page}` : (heading ?? "");
}

function clock(time: string): string {
  const moment = new Date(time);
  const today = moment.toDateString() === new Date().toDateString();
  const day = today ? {} : ({ day: "numeric", month: "short" } as const);
  return moment.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" });
}
