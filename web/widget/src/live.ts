// Events as they happen, resumed by cursor. One stream per browser: the visible tab that holds the lock
// reads it and tells the others, since a browser opens only six connections to a host.
import { Refused, type Server } from "./server";
import type { LiveEvent } from "./types";

export type LineState = "on" | "off" | "denied";

interface Listener {
  event(event: LiveEvent): void;
  state(state: LineState): void;
}

const SILENCE_MS = 45_000; // the server pings each 15 s
const POLL_SECONDS = 25;
const CATCH_UP_MS = 150; // a tab that has no lock by then is a follower

export class Live {
  private stream: Stream | null = null;
  private asked: AbortController | null = null;
  private release: (() => void) | null = null;
  private sure: number; // up to here nothing is missing; a tab the browser froze may have missed some since
  private caughtUp = false;
  private readonly others: BroadcastChannel;
  private readonly stops = new AbortController();

  constructor(
    private readonly server: Server,
    private readonly name: string,
    private cursor: number,
    private readonly listener: Listener,
  ) {
    this.sure = cursor;
    this.others = new BroadcastChannel(name);
    this.others.onmessage = ({ data }: MessageEvent<LiveEvent | LineState>) => this.hear(data);
    const options = { signal: this.stops.signal };
    document.addEventListener("visibilitychange", () => (document.hidden ? this.leave() : this.enter()), options);
    addEventListener("pagehide", () => this.leave(), options);
    addEventListener("pageshow", () => this.enter(), options);
    addEventListener("online", () => this.stream?.kick(), options);
    this.enter();
  }

  stop(): void {
    this.leave();
    this.stops.abort();
    this.others.close();
  }

  /** The server is there: if the line is down, try again now rather than after the pause. */
  wake(): void {
    this.stream?.wake();
  }

  private enter(): void {
    if (this.asked || document.hidden || this.stops.signal.aborted) return;
    const asked = (this.asked = new AbortController());
    setTimeout(() => void this.catchUp(asked), CATCH_UP_MS);
    if (!("locks" in navigator)) return this.lead(); // plain http: each visible tab reads for itself
    const held = () =>
      new Promise<void>((release) => {
        if (asked.signal.aborted) return release();
        this.release = release;
        this.lead();
      });
    navigator.locks.request(this.name, { signal: asked.signal }, held).catch(() => undefined);
  }

  private leave(): void {
    this.asked?.abort();
    this.asked = null;
    if (this.caughtUp) this.sure = this.cursor;
    this.caughtUp = false;
    this.stream?.stop();
    this.stream = null;
    this.release?.();
    this.release = null;
  }

  private lead(): void {
    if (!this.caughtUp) this.cursor = this.sure;
    this.caughtUp = true;
    this.stream = new Stream(this.server, () => this.cursor, {
      event: (event) => this.tell(event),
      state: (state) => this.tell(state),
    });
  }

  private tell(news: LiveEvent | LineState): void {
    if (!this.stops.signal.aborted) this.others.postMessage(news);
    this.hear(news);
  }

  private hear(news: LiveEvent | LineState): void {
    if (typeof news === "string") {
      if (news === "on" && this.asked) void this.catchUp(this.asked);
      return this.listener.state(news);
    }
    this.cursor = Math.max(this.cursor, news.cursor);
    this.listener.event(news);
  }

  /** What other tabs were told while this one was hidden. */
  private async catchUp(asked: AbortController): Promise<void> {
    if (this.caughtUp || asked.signal.aborted) return;
    try {
      for (let more = true; more; ) {
        const { events, cursor } = await this.server.poll(this.sure, 0, asked.signal);
        if (this.caughtUp) return; // this tab reads the stream by now
        events.forEach((event) => this.hear(event));
        this.sure = cursor;
        more = events.length > 0;
      }
      this.caughtUp = true;
    } catch {
      // the leader hears of trouble too, and says so
    }
  }
}

/** One connection after another, with growing pauses while the server is away. */
class Stream {
  private ended = false;
  private failures = 0;
  private seen = 0;
  private silent = false; // a proxy swallows the stream: ask for pages instead
  private connected = false;
  private heard = false;
  private timer = 0;
  private connection = new AbortController();
  private readonly watchdog = setInterval(() => this.watch(), 5000);

  constructor(
    private readonly server: Server,
    private readonly cursor: () => number,
    private readonly listener: Listener,
  ) {
    void this.run();
  }

  stop(): void {
    this.ended = true;
    clearInterval(this.watchdog);
    clearTimeout(this.timer);
    this.connection.abort();
  }

  wake(): void {
    if (this.timer) this.kick();
  }

  kick(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.connection.abort();
    this.failures = 0;
    void this.run();
  }

  private watch(): void {
    if (this.silent || !this.seen || Date.now() - this.seen < SILENCE_MS) return;
    this.silent ||= this.connected && !this.heard;
    this.kick();
  }

  private async run(): Promise<void> {
    const connection = (this.connection = new AbortController());
    this.timer = 0;
    let pause = 0;
    try {
      this.seen = Date.now();
      this.connected = this.heard = false;
      if (this.silent) await this.readPages(connection.signal);
      else await this.readStream(connection.signal);
    } catch (error) {
      if (error instanceof Refused && error.denied && connection === this.connection) {
        this.stop();
        return this.listener.state("denied");
      }
      if (error instanceof Refused && error.status === 429) pause = error.retryAfter * 1000;
    }
    if (this.ended || connection !== this.connection) return;
    this.seen = 0;
    this.listener.state("off");
    pause ||= Math.min(30_000, 500 * 2 ** this.failures++) * (0.5 + Math.random() / 2);
    this.timer = window.setTimeout(() => void this.run(), pause);
  }

  private alive(): void {
    this.seen = Date.now();
    this.heard = true;
    this.failures = 0;
  }

  private async readPages(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { events } = await this.server.poll(this.cursor(), POLL_SECONDS, signal);
      this.alive();
      this.listener.state("on");
      events.forEach((event) => this.listener.event(event));
    }
  }

  private async readStream(signal: AbortSignal): Promise<void> {
    const response = await this.server.stream(this.cursor(), signal);
    if (!response.body) throw new Error("no body");
    this.connected = true;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    this.listener.state("on");
    let waiting = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.alive();
      const blocks = (waiting + value.replaceAll("\r", "")).split("\n\n");
      waiting = blocks.pop() ?? "";
      for (const block of blocks) this.deliver(block);
    }
  }

  private deliver(block: string): void {
    const fields: Record<string, string> = {};
    for (const line of block.split("\n")) {
      const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (name) fields[name] = name in fields ? `${fields[name]}\n${value}` : (value ?? "");
    }
    if (!fields.data) return;
    const payload: unknown = JSON.parse(fields.data);
    this.listener.event({ cursor: Number(fields.id ?? 0), kind: fields.event ?? "message", payload });
  }
}
