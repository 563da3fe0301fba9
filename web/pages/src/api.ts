// The public REST API, as the admin page uses it. The session is an httpOnly cookie; what changes
// something also carries the CSRF token of the log-in.
import { randomId } from "../../shared/dom";

/** A refusal (RFC 9457): `detail` is written for people. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly challenge = "",
  ) {
    super(detail);
  }
}

export interface Identity {
  csrf_token: string;
  must_change_password: boolean;
  second_factor_missing: boolean;
  staff: { id: string; email: string; name: string };
  workspace: { name: string; time_zone: string };
}

export interface List<T> {
  items: T[];
  next_cursor: string | null;
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";

export class Api {
  private csrf = "";
  /** Called when the log-in has ended. */
  onEnded: () => void = () => undefined;

  async me(): Promise<Identity | null> {
    try {
      return this.remember(await this.send<Identity>("GET", "auth/me"));
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }
  }

  async logIn(email: string, password: string): Promise<Identity> {
    return this.remember(await this.send<Identity>("POST", "auth/login", { email, password }));
  }

  /** The second step of a log-in. */
  async sendCode(challenge: string, code: string): Promise<Identity> {
    return this.remember(await this.send<Identity>("POST", "auth/second-factor", { challenge, code }));
  }

  get<T>(path: string): Promise<T> {
    return this.ask("GET", path);
  }

  async ask<T>(method: Method, path: string, body?: object): Promise<T> {
    try {
      return await this.send<T>(method, path, body);
    } catch (error) {
      if (error instanceof Problem && error.status === 401 && !["wrong_credentials", "wrong_code"].includes(error.code)) this.onEnded();
      throw error;
    }
  }

  /** Every page of a list. */
  async all<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    const first = `${path}${path.includes("?") ? "&" : "?"}limit=200`;
    let cursor: string | null = null;
    do {
      const page: List<T> = await this.get(`${first}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      items.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return items;
  }

  private remember(identity: Identity): Identity {
    this.csrf = identity.csrf_token;
    return identity;
  }

  private async send<T>(method: Method, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (method !== "GET") headers["x-csrf-token"] = this.csrf;
    if (method === "POST") headers["idempotency-key"] = randomId();
    const file = body instanceof FormData;
    if (body && !file) headers["content-type"] = "application/json";
    const content = file ? body : body ? JSON.stringify(body) : null;
    const response = await fetch(`/api/v1/${path}`, { method, headers, body: content }).catch(() => {
      throw new Problem(0, "unreachable", "The server cannot be reached. Is it running?");
    });
    const text = await response.text();
    if (response.ok) return (text ? JSON.parse(text) : null) as T;
    const { code, detail, challenge } = readProblem(text);
    throw new Problem(response.status, code ?? "error", detail ?? `The server answered ${response.status}.`, challenge);
  }
}

function readProblem(text: string): { code?: string; detail?: string; challenge?: string } {
  try {
    return JSON.parse(text) as { code?: string; detail?: string; challenge?: string };
  } catch {
    return {};
  }
}
