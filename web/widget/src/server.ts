// The widget's four requests. The visitor's token travels in a header; cookies are never sent.
import type { Config, LiveEvent, Session } from "./types";

/** The server answered, but not with what was asked. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly retryAfter: number,
  ) {
    super(`status ${status}`);
  }
  get denied(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

export interface Page {
  events: LiveEvent[];
  cursor: number;
}

export class Server {
  token: string | null;

  constructor(
    private readonly base: string,
    private readonly site: string,
  ) {
    this.token = this.saved();
  }

  /** The token of an earlier visit; storage may be forbidden, then each visit is new. */
  saved(): string | null {
    return this.read("");
  }

  keep(token: string | null): void {
    this.token = token;
    this.write("", token);
    if (!token) this.seen = 0;
  }

  /** The number of the newest message the visitor has had before their eyes. */
  get seen(): number {
    return Number(this.read(":seen"));
  }

  set seen(seq: number) {
    this.write(":seen", `${seq}`);
  }

  private read(name: string): string | null {
    try {
      return localStorage.getItem(`agentflow:${this.site}${name}`);
    } catch {
      return null;
    }
  }

  private write(name: string, value: string | null): void {
    try {
      if (value) localStorage.setItem(`agentflow:${this.site}${name}`, value);
      else localStorage.removeItem(`agentflow:${this.site}${name}`);
    } catch {
      // private mode: what is kept lives as long as the page
    }
  }

  config(language: string): Promise<Config> {
    return this.ask(`${this.path()}/config?lang=${encodeURIComponent(language)}`);
  }

  open(locale: string): Promise<Session> {
    const page = { url: location.href.slice(0, 2000), title: document.title.slice(0, 300) };
    return this.ask(`${this.path()}/sessions`, { visitor_token: this.token, page, locale });
  }

  post(body: object): Promise<{ id: string }> {
    return this.ask("messages", body);
  }

  poll(cursor: number, wait: number, signal?: AbortSignal): Promise<Page> {
    return this.ask(`events?cursor=${cursor}&wait=${wait}`, undefined, signal);
  }

  /** The event stream as an open response. */
  stream(cursor: number, signal: AbortSignal): Promise<Response> {
    const headers = { accept: "text/event-stream", "last-event-id": `${cursor}` };
    return this.fetch(`events?cursor=${cursor}`, { headers, signal, cache: "no-store" });
  }

  private path(): string {
    return encodeURIComponent(this.site);
  }

  private async ask<T>(path: string, body?: object, signal?: AbortSignal): Promise<T> {
    const init: RequestInit = body
      ? { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
      : {};
    if (signal) init.signal = signal;
    return (await this.fetch(path, init)).json() as Promise<T>;
  }

  private async fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token) headers.set("authorization", `Bearer ${this.token}`);
    const response = await fetch(`${this.base}widget/v1/${path}`, { ...init, headers, credentials: "omit" });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as { retry_after?: number };
    throw new Refused(response.status, problem.retry_after ?? 5);
  }
}
