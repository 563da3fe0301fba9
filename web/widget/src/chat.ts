// One visitor's chat: opens a session when needed, sends what is written, shows what arrives.
import { Live, type LineState } from "./live";
import { Outbox } from "./outbox";
import { Panel } from "./panel";
import { Refused, Server } from "./server";
import { speak, text } from "./texts";
import { Thread } from "./thread";
import type { LiveEvent, Message, SentenceEvent } from "./types";

const TYPING_EVERY_MS = 4000;
const RECONNECT_NOTICE_MS = 800; // a short break is not worth words
const RENEW_EVERY_MS = 10_000;

export interface Options {
  base: string;
  site: string;
  language: string;
  debug: boolean;
}

export class Chat {
  readonly panel: Panel;
  private readonly server: Server;
  private readonly thread: Thread;
  private readonly outbox: Outbox;
  private dressing: Promise<void> | null = null;
  private starting: Promise<void> | null = null;
  private live: Live | null = null;
  private sending = false;
  private typedAt = 0;
  private renewedAt = 0;
  private noticeTimer = 0;
  private retryTimer = 0;
  private notBefore = 0; // when a rate limit allows the next message
  private newest: Message | null = null; // of the other side
  private readTold: Message | null = null;

  constructor(private readonly options: Options) {
    speak(options.language);
    this.thread = new Thread(options.base);
    this.server = new Server(options.base, options.site);
    this.outbox = new Outbox(`agentflow:${options.site}:outbox`);
    const actions = { opened: () => this.opened(), typed: () => this.typed(), send: (words: string) => this.send(words) };
    this.panel = new Panel(this.thread.node, actions, options.debug);
    this.thread.node.addEventListener("scroll", () => this.thread.scrolled(), { passive: true });
    for (const { id, text: words } of this.outbox.all) this.thread.pending(id, words);
  }

  /** A visitor who has talked before hears news without opening the chat. */
  resume(): void {
    if (!this.server.token && this.outbox.all.length === 0) return;
    void this.dress();
    void this.flush();
  }

  private opened(): void {
    void this.dress();
    if (this.server.token) void this.flush();
    this.thread.scroll(true);
    this.tellRead();
  }

  /** Colours, texts and sample questions, once. */
  private dress(): Promise<void> {
    this.dressing ??= this.server.config(this.options.language).then(
      (config) => {
        speak(config.language, config.texts);
        this.panel.dress(config);
        this.thread.greet(config.suggestions, (question) => this.send(question));
      },
      () => {
        this.dressing = null; // asked again at the next opening
        this.panel.undressed();
      },
    );
    return this.dressing;
  }

  private start(): Promise<void> {
    this.starting ??= this.begin().catch((error: unknown) => {
      this.starting = null;
      throw error;
    });
    return this.starting;
  }

  private async begin(): Promise<void> {
    let session;
    try {
      session = await this.server.open(this.options.language);
    } catch (error) {
      if (!(error instanceof Refused && error.denied && this.server.token)) throw error;
      this.server.keep(null); // that visitor is gone: begin as a new one
      session = await this.server.open(this.options.language);
    }
    this.server.keep(session.token);
    await this.dress();
    const name = `agentflow:${this.options.site}:${session.conversation_id}`;
    // The other tabs are heard before the history is shown, so nothing falls between the two.
    this.live = new Live(this.server, name, session.cursor, {
      event: (event) => this.on(event),
      state: (state) => this.line(state),
    });
    this.thread.scroll(true);
  }

  /** The token no longer counts; take the one another tab has got, or become a new visitor. */
  private async renew(): Promise<void> {
    if (Date.now() - this.renewedAt < RENEW_EVERY_MS) return this.panel.say(text("unavailable"));
    this.renewedAt = Date.now();
    this.live?.stop();
    this.live = null;
    this.starting = null;
    const saved = this.server.saved();
    this.server.keep(saved === this.server.token ? null : saved);
    this.thread.clear();
    for (const { id, text: words } of this.outbox.all) this.thread.pending(id, words);
    await this.flush();
  }

  private send(words: string): void {
    const { id } = this.outbox.add(words);
    this.thread.pending(id, words);
    void this.flush();
  }

  /** Sends what waits, oldest first; whatever fails stays and is sent again later. */
  private async flush(): Promise<void> {
    if (this.sending || Date.now() < this.notBefore) return;
    this.sending = true;
    clearTimeout(this.retryTimer);
    let failure: unknown;
    try {
      await this.start();
      for (let next = this.outbox.all[0]; next; next = this.outbox.all[0]) {
        const { id } = await this.server.post({ client_msg_id: next.id, type: "text", text: next.text });
        this.outbox.drop(next.id);
        this.thread.sent(next.id, id);
        this.live?.wake();
      }
      this.panel.say("");
    } catch (error) {
      failure = error;
    }
    this.sending = false;
    if (failure) this.trouble(failure);
  }

  private trouble(error: unknown): void {
    const first = this.outbox.all[0];
    if (error instanceof Refused && error.denied && this.live) return void this.renew();
    if (error instanceof Refused && error.status === 429) {
      this.panel.say(text("rate_limited"));
      this.notBefore = Date.now() + error.retryAfter * 1000 - 50; // timers may be early by a little
      return this.later(error.retryAfter * 1000);
    }
    if (error instanceof Refused && error.status < 500) {
      if (!this.live) return this.panel.say(text("unavailable"));
      if (first) this.giveUp(first.id);
      return void this.flush();
    }
    for (const { id, text: words } of this.outbox.all) {
      this.thread.failed(id, text("not_sent_retry"), () => {
        this.thread.pending(id, words);
        this.live?.wake();
        void this.flush();
      });
    }
    if (!this.live) this.panel.say(text("reconnecting"));
    this.later(5000);
  }

  private giveUp(id: string): void {
    this.outbox.drop(id);
    this.thread.failed(id, text("refused"), null);
  }

  private later(pause: number): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(() => void this.flush(), pause);
  }

  private line(state: LineState): void {
    clearTimeout(this.noticeTimer);
    if (state === "denied") return void this.renew();
    if (state === "off") {
      this.noticeTimer = window.setTimeout(() => this.panel.say(text("reconnecting")), RECONNECT_NOTICE_MS);
      return;
    }
    if (Date.now() >= this.notBefore) this.panel.say("");
    if (this.outbox.all.length) void this.flush();
  }

  private on({ kind, payload }: LiveEvent): void {
    const news = payload as Record<string, unknown>;
    if (kind === "sentence") this.thread.sentence(payload as SentenceEvent);
    else if (kind === "message") this.show(payload as Message);
    else if (kind === "typing") this.thread.typing(Boolean(news.on) && news.role !== "contact");
    else if (kind === "status") this.thread.status(String(news.message_id), String(news.status));
    else if (kind === "handoff") this.thread.state(kind, text("handoff", { team: String(news.team ?? "") }));
    else if (kind === "closed") this.thread.state(kind, text("ended"));
  }

  private show(message: Message): void {
    if (message.client_msg_id) this.outbox.drop(message.client_msg_id); // it arrived, whatever its request says
    const fresh = this.thread.put(message);
    if (message.role === "contact") return;
    if (!this.newest || message.seq > this.newest.seq) this.newest = message;
    if (fresh && message.seq > this.server.seen) this.panel.announce();
    this.tellRead();
  }

  private tellRead(): void {
    const { newest } = this;
    if (!this.live || !this.panel.isOpen || document.hidden || !newest || newest === this.readTold) return;
    this.readTold = newest;
    if (newest.seq <= this.server.seen) return;
    this.server.seen = newest.seq;
    this.server.post({ type: "read", up_to: newest.message_id }).catch(() => undefined);
  }

  private typed(): void {
    void this.start().catch(() => undefined); // the session is ready before the first message is
    if (!this.live || Date.now() - this.typedAt < TYPING_EVERY_MS) return;
    this.typedAt = Date.now();
    this.server.post({ type: "typing", on: true }).catch(() => undefined);
  }
}
