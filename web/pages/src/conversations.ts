// The conversations tab: read along, take over from the agent, answer, hand back.
import { h } from "../../shared/dom";
import { inline } from "../../widget/src/inline";
import type { Api, List } from "./api";
import { reason, toast } from "./toast";

interface Conversation {
  id: string;
  channel: string;
  owner_kind: "agent" | "staff" | "nobody";
  handoff_reason: string | null;
  last_message_at: string;
  contact_name?: string | null;
}

interface Citation {
  source: string;
  page: number | null;
  sheet: string | null;
  row: number | null;
  quote: string;
}

interface Message {
  id: string;
  seq: number;
  author: "contact" | "agent" | "staff" | "system";
  text: string;
  sentences: { text: string; citations: Citation[] }[];
  status: string;
  created_at: string;
}

const POLL_MS = 2000;
const OWNERS = { agent: "Agent", staff: "Staff", nobody: "Waiting for a person" };
const ANSWERS = { agent: "The agent answers", staff: "A person answers", nobody: "Waiting for a person" };
const AUTHORS = { contact: "Visitor", agent: "Agent", staff: "Staff" };

export class ConversationsTab {
  readonly node = h("main", { class: "page talks" });
  private readonly list = h("ul", { class: "conversations" });
  private readonly thread = h("section", { class: "thread card", "aria-label": "Conversation" });
  private readonly messages = h("div", { class: "messages", role: "log", tabindex: "0", "aria-label": "Messages" });
  private readonly owner = h("span", { class: "state" });
  private readonly take = h("button", { type: "button", class: "primary" }, "Take over");
  private readonly back = h("button", { type: "button" }, "Hand back to the agent");
  private readonly box = h("textarea", { rows: "2", "aria-label": "Your answer", placeholder: "Your answer to the visitor" });
  private readonly reply = h("form", { class: "reply" }, this.box, h("button", { class: "primary" }, "Send"));
  private chosen: string | null = null;
  private conversations: Conversation[] = [];
  private shown = "";
  private timer = 0;
  private stopped = false;

  constructor(private readonly api: Api) {
    const bar = h("div", { class: "bar" }, this.owner, this.take, this.back);
    this.thread.append(bar, this.messages, this.reply);
    this.thread.hidden = true;
    const side = h("div", {}, h("div", { class: "heading" }, h("h1", {}, "Conversations")), this.list);
    this.node.append(side, this.thread);
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
    void this.poll();
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
    const focused = (document.activeElement as HTMLElement | null)?.dataset.conversation;
    const rows = this.conversations.map((conversation) => {
      const { id, channel, owner_kind, last_message_at, contact_name } = conversation;
      const current = id === this.chosen;
      const button = h(
        "button",
        { type: "button", class: "conversation", "data-conversation": id, "aria-current": current && "true" },
        h("b", {}, contact_name || `Visitor ${id.slice(-4)}`),
        h("span", { class: `state ${owner_kind}` }, OWNERS[owner_kind]),
        h("span", { class: "quiet" }, `${channel} · ${clock(last_message_at)}`),
      );
      button.addEventListener("click", () => void this.choose(id));
      return h("li", {}, button);
    });
    const nothing = h("li", { class: "nothing" }, "No conversation yet. Open the demo page and ask something.");
    this.list.replaceChildren(...(rows.length ? rows : [nothing]));
    if (focused) this.list.querySelector<HTMLElement>(`[data-conversation="${focused}"]`)?.focus();
  }

  private async choose(id: string): Promise<void> {
    this.chosen = id;
    this.shown = "";
    this.thread.hidden = false;
    this.messages.replaceChildren();
    this.renderList();
    await this.poll();
    this.thread.scrollIntoView({ block: "nearest" });
  }

  private async renderThread(id: string): Promise<void> {
    const messages = await this.api.all<Message>(`conversations/${id}/messages`);
    const conversation = this.conversations.find((one) => one.id === id);
    if (id !== this.chosen || !conversation) return;
    const mine = conversation.owner_kind === "staff";
    this.owner.textContent = ANSWERS[conversation.owner_kind];
    this.owner.className = `state ${conversation.owner_kind}`;
    this.take.hidden = mine;
    this.back.hidden = !mine;
    this.reply.hidden = !mine;
    const print = JSON.stringify(messages.map(({ id: key, status }) => [key, status]));
    if (print === this.shown) return;
    this.shown = print;
    this.messages.replaceChildren(...messages.sort((a, b) => a.seq - b.seq).map(bubble));
    this.messages.scrollTop = this.messages.scrollHeight;
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

function bubble({ author, text, sentences, status, created_at }: Message): HTMLElement {
  const quotes = sentences.flatMap(({ citations }) => citations);
  const list = quotes.length > 0 && h("details", {}, h("summary", {}, `Sources (${quotes.length})`), ...quotes.map(quote));
  const words = h("div", { class: "words", dir: "auto" });
  words.append(author === "contact" ? text : inline(text));
  if (author === "system") return h("article", { class: "bubble system" }, words);
  const foot = `${AUTHORS[author]} · ${clock(created_at)}${author === "contact" ? "" : ` · ${status}`}`;
  return h("article", { class: `bubble ${author}` }, words, list, h("p", { class: "quiet" }, foot));
}

function quote({ source, page, sheet, row, quote: words }: Citation): HTMLElement {
  const place = sheet && row ? `${sheet}, row ${row}` : row ? `row ${row}` : page ? `page ${page}` : "";
  return h("figure", {}, h("figcaption", {}, h("b", {}, source), place && ` ${place}`), h("blockquote", { dir: "auto" }, words));
}

function clock(time: string): string {
  const moment = new Date(time);
  const today = moment.toDateString() === new Date().toDateString();
  const day = today ? {} : ({ day: "numeric", month: "short" } as const);
  return moment.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" });
}
