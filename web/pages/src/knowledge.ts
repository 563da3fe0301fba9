// The knowledge tab: what the agent may answer from, how far each file has come, and adding more.
import { h, icon } from "../../shared/dom";
import { AddressForm } from "./addresses";
import { Problem, type Api } from "./api";
import { Bin, type Binned } from "./bin";
import { GooglePicker } from "./google";
import { reason, toast } from "./toast";

interface KnowledgeBase {
  id: string;
  name: string;
  limits: { max_sources: number; max_bytes: number };
}

type State = "fetching" | "queued" | "reading" | "embedding" | "ready" | "failed";

interface Source {
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
  sync_error: { code: string; detail: string } | null;
}

const MIB = 1024 * 1024;
const POLL_MS = 700;
const UPLOAD = "M12 16V4m0 0L7 9m5-5l5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3";
const TRASH = "M4 7h16M9 7V4h6v3m-8 0l1 13h8l1-13";
const AGAIN = "M4 12a8 8 0 0 1 14-5l2 2m0-5v5h-5M20 12a8 8 0 0 1-14 5l-2-2m0 5v-5h5";
const DISMISS = "M6 6l12 12M18 6L6 18";
const STATES: Record<State, string> = {
  fetching: "Fetching",
  queued: "Queued",
  reading: "Reading",
  embedding: "Indexing",
  ready: "Ready",
  failed: "Failed",
};
/** What the server counts as pages; of other kinds of file there is always one, which tells nobody anything. */
const UNITS: Record<string, string> = { pdf: "page", xlsx: "sheet", xlsm: "sheet" };
const WARNINGS: Record<string, string> = {
  no_text: "No text was found in this file (a scan, or empty), so nothing can be answered from it.",
  partial: "Some pages of this file are damaged; they are left out.",
  uncalculated: "Some formulas have no stored value, so their cells are empty here. Open the file in a spreadsheet program, save it, and upload it again.",
};

export class KnowledgeTab {
  readonly node = h("main", { class: "page" });
  private base: KnowledgeBase | null = null;
  private known: KnowledgeBase[] = [];
  private sources: Source[] = [];
  private timer = 0;
  private stopped = false;
  private readonly usage = h("p", { class: "quiet", id: "usage" });
  private readonly list = h("ul", { class: "files" });
  private readonly uploads = h("ul", { class: "files uploads", "aria-live": "polite" });
  private readonly bin = new Bin((id) => this.restore(id));
  private readonly hint = h("p", { class: "quiet" }, "Public: visitors may open the whole file, not only the passage an answer quotes.");
  private readonly input = h("input", { type: "file", multiple: true, class: "unseen", id: "files", disabled: true });
  private readonly drop = h(
    "label",
    { class: "drop", for: "files" },
    icon(UPLOAD, 28),
    h("b", {}, "Drop files here, or choose them"),
    h("span", { class: "quiet" }, "PDF, Excel, OpenDocument sheets, CSV, text and HTML files"),
  );
  private readonly address = new AddressForm((body) => this.add("url", body));
  private readonly google: GooglePicker;
  private readonly bases = h("select", { "aria-label": "Knowledge base" });
  private readonly rows = new Map<string, Row>();

  constructor(private readonly api: Api) {
    const heading = h("div", { class: "heading" }, h("h1", {}, "Knowledge"), this.bases, this.usage);
    this.google = new GooglePicker(api, (body) => this.add("google", body));
    const adding = [this.input, this.drop, this.address.node, this.google.node];
    this.node.append(heading, ...adding, this.uploads, this.list, this.hint, this.bin.node);
    this.hint.hidden = this.bin.node.hidden = true;
    this.input.addEventListener("change", () => {
      void this.upload([...(this.input.files ?? [])]);
      this.input.value = "";
    });
    this.bases.addEventListener("change", () => void this.choose(this.bases.value));
    this.acceptDrops();
    void this.start();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async start(): Promise<void> {
    try {
      this.known = await this.api.all<KnowledgeBase>("knowledge-bases");
    } catch (error) {
      return toast(reason(error));
    }
    this.bases.replaceChildren(...this.known.map(({ id, name }) => h("option", { value: id }, name)));
    this.bases.hidden = this.known.length < 2;
    const [first] = this.known;
    this.drop.hidden = this.address.node.hidden = this.google.node.hidden = this.input.disabled = !first;
    if (first) return this.choose(first.id);
    this.list.replaceChildren(h("li", { class: "nothing" }, "There is no knowledge base yet. Make one with the API: POST /api/v1/knowledge-bases."));
  }

  private async choose(id: string): Promise<void> {
    this.base = this.known.find((base) => base.id === id) ?? null;
    this.rows.clear();
    this.list.replaceChildren();
    await Promise.all([this.refresh(), this.showBin()]);
  }

  private get path(): string {
    return `knowledge-bases/${this.base?.id}/sources`;
  }

  private async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      this.sources = await this.api.all<Source>(this.path);
      this.render();
    } catch (error) {
      toast(reason(error));
    }
    const moving = this.sources.some(({ state, sync }) => (state !== "ready" && state !== "failed") || sync?.running);
    if (moving && !this.stopped) this.timer = window.setTimeout(() => void this.refresh(), POLL_MS);
  }

  private render(): void {
    if (!this.base) return;
    const limits = this.base.limits;
    // As the server counts: a file that failed takes no place, unless its older version still answers.
    const counted = this.sources.filter(({ state, live_version }) => state !== "failed" || live_version !== null);
    const bytes = counted.reduce((sum, source) => sum + source.bytes, 0);
    const count = `${counted.length} of ${limits.max_sources} sources`;
    this.usage.textContent = `${count} · ${size(bytes)} of ${size(limits.max_bytes)}`;
    for (const [id, row] of this.rows) {
      if (this.sources.some((source) => source.id === id)) continue;
      row.node.remove();
      this.rows.delete(id);
    }
    this.list.querySelector(".nothing")?.remove();
    for (const source of this.sources) this.row(source).show(source);
    this.hint.hidden = this.sources.length === 0;
    if (this.sources.length > 0) return;
    const words = "Nothing here yet. Add a file and the agent answers from it within seconds, naming the page or row it used.";
    this.list.append(h("li", { class: "nothing" }, words));
  }

  private row(source: Source): Row {
    let row = this.rows.get(source.id);
    if (row) return row;
    row = new Row(source, {
      publish: (value) => this.publish(source, value),
      remove: () => void this.remove(source),
      sync: () => void this.sync(source),
    });
    this.rows.set(source.id, row);
    this.list.append(row.node);
    return row;
  }

  private async publish(source: Source, value: boolean): Promise<void> {
    try {
      await this.api.ask("PATCH", `sources/${source.id}`, { public: value });
    } catch (error) {
      toast(reason(error));
    }
    await this.refresh();
  }

  /** Add what is fetched; true when the server took it. */
  private async add(kind: "url" | "google", body: object): Promise<boolean> {
    try {
      await this.api.ask("POST", `${this.path}/${kind}`, body);
    } catch (error) {
      toast(reason(error));
      return false;
    }
    await this.refresh();
    return true;
  }

  private async sync({ id }: Source): Promise<void> {
    try {
      await this.api.ask("POST", `sources/${id}/sync`);
    } catch (error) {
      toast(reason(error));
    }
    await this.refresh();
  }

  private async remove({ id, name }: Source): Promise<void> {
    try {
      await this.api.ask("DELETE", `sources/${id}`);
      toast(`${name} is deleted.`, { label: "Undo", run: () => void this.restore(id) });
    } catch (error) {
      toast(reason(error));
    }
    await Promise.all([this.refresh(), this.showBin()]);
    this.input.focus({ preventScroll: true });
  }

  private async restore(id: string): Promise<void> {
    try {
      await this.api.ask("POST", `sources/${id}/restore`);
      toast("It is back.");
    } catch (error) {
      toast(reason(error));
    }
    await Promise.all([this.refresh(), this.showBin()]);
  }

  private async showBin(): Promise<void> {
    try {
      this.bin.show(await this.api.all<Binned>(`${this.path}?deleted=true`));
      this.bin.node.hidden = false;
    } catch (error) {
      toast(reason(error));
    }
  }

  /** One after another, so that a refusal for want of room names the right file. */
  private async upload(files: File[]): Promise<void> {
    const waiting = files.map((file) => {
      const state = h("span", { class: "state" }, "Waiting");
      const node = h("li", {}, h("div", { class: "what" }, h("b", {}, file.name), h("span", { class: "quiet" }, size(file.size))), state);
      this.uploads.append(node);
      return { file, state, node };
    });
    for (const { file, state, node } of waiting) {
      state.textContent = "Uploading…";
      const bar = h("progress", { "aria-label": `Uploading ${file.name}` });
      node.append(bar);
      const body = new FormData();
      body.append("file", file);
      try {
        await this.api.ask("POST", this.path, body);
        node.remove();
      } catch (error) {
        bar.remove();
        this.refused(node, state, error);
      }
      await this.refresh();
    }
  }

  private refused(node: HTMLElement, state: HTMLElement, error: unknown): void {
    const { status, code } = error instanceof Problem ? error : { status: 0, code: "" };
    state.textContent = status ? "Refused" : "Failed"; // nobody refused what never arrived
    state.className = "state failed";
    const dismiss = h("button", { type: "button", class: "plain", "aria-label": "Dismiss" }, icon(DISMISS, 18));
    dismiss.addEventListener("click", () => node.remove());
    node.append(dismiss, h("p", { class: "problem", "data-code": code }, reason(error)));
  }

  private acceptDrops(): void {
    const over = (on: boolean) => (event: DragEvent) => {
      event.preventDefault();
      this.drop.classList.toggle("over", on);
    };
    this.drop.addEventListener("dragover", over(true));
    this.drop.addEventListener("dragleave", over(false));
    this.drop.addEventListener("drop", (event) => {
      over(false)(event);
      void this.upload([...(event.dataTransfer?.files ?? [])]);
    });
  }
}

interface RowActions {
  publish(value: boolean): void;
  remove(): void;
  sync(): void;
}

/** One source in the list, changed in place so that focus and the progress bar do not jump. */
class Row {
  readonly node: HTMLLIElement;
  private readonly facts = h("span", { class: "quiet" });
  private readonly state = h("span", { class: "state" });
  private readonly bar: HTMLProgressElement;
  private readonly note = h("p", { hidden: true });
  private readonly box = h("input", { type: "checkbox" });
  private readonly again: HTMLButtonElement;

  constructor({ name, sync }: Source, actions: RowActions) {
    this.bar = h("progress", { "aria-label": `Progress of ${name}`, hidden: true });
    const remove = h("button", { type: "button", class: "plain", "aria-label": `Delete ${name}` }, icon(TRASH, 20));
    remove.addEventListener("click", () => actions.remove());
    this.box.addEventListener("change", () => actions.publish(this.box.checked));
    const label = h("label", { class: "public" }, this.box, "Public");
    const what = h("div", { class: "what" }, h("b", {}, name), this.facts);
    this.again = h("button", { type: "button", class: "plain", "aria-label": `Sync ${name} now`, title: "Sync now" }, icon(AGAIN, 20));
    this.again.hidden = !sync;
    this.again.addEventListener("click", () => actions.sync());
    this.node = h("li", {}, what, this.state, label, this.again, remove, this.bar, this.note);
  }

  show(source: Source): void {
    const { state, progress, warning, sync } = source;
    const moving = state !== "ready" && state !== "failed";
    const unit = source.origin === "site" ? "page" : UNITS[source.name.split(".").pop()?.toLowerCase() ?? ""];
    const pages = unit && source.pages ? `${plural(source.pages, unit)} · ` : "";
    const checked = sync?.running ? " · checking now" : sync?.synced_at ? ` · checked ${moment(sync.synced_at)}` : "";
    this.facts.textContent = `${size(source.bytes)}${moving ? "" : ` · ${pages}${plural(source.passages, "passage")}`}${checked}`;
    this.again.disabled = moving || !!sync?.running;
    this.state.textContent = progress.total && moving ? `${STATES[state]} ${progress.done} of ${progress.total}` : STATES[state];
    this.state.className = `state ${warning ? "warned" : state}`;
    this.bar.hidden = !moving;
    this.bar.max = progress.total || 1;
    if (progress.total) this.bar.value = progress.done;
    else this.bar.removeAttribute("value");
    const stale = sync?.sync_error && source.live_version !== null;
    const failed = stale ? `The last update failed: ${sync.sync_error?.detail} Answers come from what was there before.` : source.reason?.detail;
    const words = failed ?? (warning ? (WARNINGS[warning] ?? warning) : "");
    this.note.textContent = words;
    this.note.hidden = !words;
    this.note.className = failed ? "problem" : "warning";
    this.box.checked = source.public;
  }
}

function moment(iso: string): string {
  return new Date(iso).toLocaleString([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < MIB) return `${Math.ceil(bytes / 1024)} KiB`;
  return `${(bytes / MIB).toFixed(1).replace(".0", "")} MiB`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
