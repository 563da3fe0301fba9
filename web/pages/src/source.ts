// One source in the list of the knowledge tab: how far it is, how it is kept up with, and what can be done with it.
import { h, icon } from "../../shared/dom";
import { fromNow, plural, size } from "./words";

type State = "fetching" | "queued" | "reading" | "embedding" | "ready" | "failed";

export interface Source {
  id: string;
  name: string;
  state: State;
  progress: { done: number; total: number };
  reason: { code: string; detail: string } | null;
  warning: string | null;
  pages: number;
  passages: number;
  live_version: number | null;
  bytes: number;
  public: boolean;
  origin: "upload" | "url" | "site" | "google_doc" | "google_sheet";
  location: string | null;
  sync: Sync | null;
}

/** How a source that is fetched keeps up with the original. */
interface Sync {
  every_seconds: number | null;
  running: boolean;
  synced_at: string | null;
  next_sync_at: string | null;
  sync_error: { code: string; detail: string } | null;
}

export interface Actions {
  publish(value: boolean): void;
  remove(): void;
  sync(): void;
  schedule(seconds: number | null): void;
  compare(): void;
}

const TRASH = "M4 7h16M9 7V4h6v3m-8 0l1 13h8l1-13";
const HOUR = 3600;
const STATES: Record<State, string> = {
  fetching: "Fetching",
  queued: "Queued",
  reading: "Reading",
  embedding: "Indexing",
  ready: "Ready",
  failed: "Failed",
};
/** What the server counts as pages; of other kinds of file there is always one, which tells nobody anything. */
const UNITS: Record<string, string> = { pdf: "page", xlsx: "sheet", xlsm: "sheet", xls: "sheet", xlsb: "sheet", ods: "sheet" };
const WARNINGS: Record<string, string> = {
  no_text: "No text was found in this file (a scan, or empty), so nothing can be answered from it.",
  partial: "Some pages of this file are damaged; they are left out.",
  uncalculated: "Some formulas have no stored value, so their cells are empty here. Open the file in a spreadsheet program, save it, and upload it again.",
};
const STALE = "The version from before keeps answering.";
const SCHEDULES: [number | null, string][] = [
  [HOUR, "every hour"],
  [6 * HOUR, "every 6 hours"],
  [24 * HOUR, "every day"],
  [7 * 24 * HOUR, "every week"],
  [null, "never by itself"],
];

/** Changed in place so that focus and the progress bar do not jump. */
export class Row {
  readonly node: HTMLLIElement;
  private readonly facts = h("span", { class: "quiet" });
  private readonly state = h("span", { class: "state" });
  private readonly bar: HTMLProgressElement;
  private readonly note = h("p", { hidden: true });
  private readonly box = h("input", { type: "checkbox" });
  private readonly upkeep: Upkeep | null;

  constructor({ name, sync, origin }: Source, actions: Actions) {
    this.bar = h("progress", { "aria-label": `Progress of ${name}`, hidden: true });
    const remove = h("button", { type: "button", class: "plain", "aria-label": `Delete ${name}`, title: "Delete" }, icon(TRASH, 20));
    remove.addEventListener("click", () => actions.remove());
    this.box.addEventListener("change", () => actions.publish(this.box.checked));
    const label = h("label", { class: "public" }, this.box, "Public");
    const what = h("div", { class: "what" }, h("b", {}, name), this.facts);
    const compare = origin === "upload" && h("button", { type: "button", class: "plain", "aria-label": `New version of ${name}` }, "New version");
    if (compare) compare.addEventListener("click", () => actions.compare());
    this.upkeep = sync && new Upkeep(name, actions);
    this.node = h("li", {}, what, this.state, label, compare, remove, this.bar, this.upkeep?.node, this.note);
  }

  show(source: Source): void {
    const { state, progress, warning, sync } = source;
    const moving = state !== "ready" && state !== "failed";
    const unit = source.origin === "site" ? "page" : UNITS[source.name.split(".").pop()?.toLowerCase() ?? ""];
    const pages = unit && source.pages ? `${plural(source.pages, unit)} · ` : "";
    this.facts.textContent = `${size(source.bytes)}${moving ? "" : ` · ${pages}${plural(source.passages, "passage")}`}`;
    const answering = source.live_version !== null;
    const stale = answering && !!sync?.sync_error;
    this.state.textContent = stateWords(source, moving, stale);
    this.state.className = `state ${warning || stale ? "warned" : state}`;
    this.bar.hidden = !moving && !sync?.running;
    this.bar.max = progress.total || 1;
    if (moving && progress.total) this.bar.value = progress.done;
    else this.bar.removeAttribute("value");
    this.upkeep?.show(sync, moving);
    const failed = stale
      ? `The last update failed: ${sync?.sync_error?.detail} ${STALE}`
      : source.reason && `${source.reason.detail}${answering ? ` ${STALE}` : ""}`;
    const words = failed || (warning ? (WARNINGS[warning] ?? warning) : "");
    this.note.textContent = words;
    this.note.hidden = !words;
    this.note.className = failed ? "problem" : "warning";
    this.box.checked = source.public;
  }
}

function stateWords({ state, progress, sync }: Source, moving: boolean, stale: boolean): string {
  if (moving) return progress.total ? `${STATES[state]} ${progress.done} of ${progress.total}` : STATES[state];
  if (sync?.running) return "Checking";
  return stale ? "Update failed" : STATES[state];
}

/** When a fetched source was and will be looked at, how often, and doing it now. */
class Upkeep {
  readonly node = h("div", { class: "upkeep" });
  private readonly times = h("span", { class: "quiet" });
  private readonly every: HTMLSelectElement;
  private readonly again: HTMLButtonElement;

  constructor(name: string, actions: Actions) {
    this.every = h("select", { "aria-label": `How often ${name} is checked` });
    this.every.addEventListener("change", () => actions.schedule(this.every.value ? Number(this.every.value) : null));
    this.again = h("button", { type: "button", "aria-label": `Sync now: ${name}` }, "Sync now");
    this.again.addEventListener("click", () => actions.sync());
    this.node.append(this.times, h("label", { class: "every" }, "Check ", this.every), this.again);
  }

  show(sync: Sync | null, moving: boolean): void {
    if (!sync) return;
    this.again.disabled = moving || sync.running;
    this.times.textContent = times(sync);
    const known = SCHEDULES.some(([seconds]) => seconds === sync.every_seconds);
    const own: [number | null, string] = [sync.every_seconds, `every ${plural(Math.round((sync.every_seconds ?? 0) / 60), "minute")}`];
    const options = known ? SCHEDULES : [...SCHEDULES, own];
    if (this.every.options.length !== options.length) {
      this.every.replaceChildren(...options.map(([seconds, words]) => h("option", { value: `${seconds ?? ""}` }, words)));
    }
    if (document.activeElement !== this.every) this.every.value = `${sync.every_seconds ?? ""}`;
  }
}

function times({ running, synced_at, next_sync_at, every_seconds, sync_error }: Sync): string {
  if (running) return "Checking now…";
  const was = sync_error ? "last worked" : "checked";
  const last = synced_at ? `${was} ${fromNow(synced_at)}` : "never checked with success";
  const soon = next_sync_at && Date.parse(next_sync_at) > Date.now() ? fromNow(next_sync_at) : "any moment now";
  const words = `${last} · ${every_seconds ? `next check ${soon === "just now" ? "any moment now" : soon}` : "no further checks by itself"}`;
  return words.charAt(0).toUpperCase() + words.slice(1);
}
