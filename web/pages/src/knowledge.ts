// The knowledge tab: what the agent may answer from, how far each file has come, and adding more.
import { h, icon } from "../../shared/dom";
import { AddressForm } from "./addresses";
import { Problem, type Api } from "./api";
import { Bin, type Binned } from "./bin";
import { GooglePicker } from "./google";
import { Row, type Source } from "./source";
import { reason, toast } from "./toast";
import { size } from "./words";

interface KnowledgeBase {
  id: string;
  name: string;
  limits: { max_sources: number; max_bytes: number; max_bytes_per_file: boolean; max_pages: number };
}

const POLL_MS = 700;
const WORDS_MS = 30_000; // "5 minutes ago" has to stay true
const UPLOAD = "M12 16V4m0 0L7 9m5-5l5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3";
const DISMISS = "M6 6l12 12M18 6L6 18";
const UPKEEP =
  "Addresses and Google files are looked at again by themselves. When that fails, the version from before keeps answering, and you get a mail.";

/** Opens the comparison of a source with a new version of it; the file may be chosen there. */
export type Compare = (base: string, source: string, file: File | null) => void;

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
  private readonly bin: Bin;
  private readonly hint = h("p", { class: "quiet" }, "Public: visitors may open the whole file, not only the passage an answer quotes.");
  private readonly room = h("span", { class: "quiet" });
  private readonly input = h("input", { type: "file", multiple: true, class: "unseen", id: "files", disabled: true });
  private readonly drop = h(
    "label",
    { class: "drop", for: "files" },
    icon(UPLOAD, 28),
    h("b", {}, "Drop files here, or choose them"),
    h("span", { class: "quiet" }, "PDF, Excel, OpenDocument sheets, CSV, text and HTML. A file of a name that is here replaces that one."),
    this.room,
  );
  private readonly help = h("p", { class: "quiet" }, UPKEEP);
  private readonly address = new AddressForm((body) => this.add("url", body));
  private readonly google: GooglePicker;
  private readonly bases = h("select", { "aria-label": "Knowledge base" });
  private readonly rows = new Map<string, Row>();

  constructor(
    private readonly api: Api,
    private readonly compare: Compare,
  ) {
    this.bin = new Bin(
      api,
      (id) => this.restore(id),
      () => this.showBin(),
    );
    const heading = h("div", { class: "heading" }, h("h1", {}, "Knowledge"), this.bases, this.usage);
    this.google = new GooglePicker(api, (body) => this.add("google", body));
    const adding = [this.input, this.drop, this.address.node, this.google.node, this.help];
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
    for (const node of [this.drop, this.address.node, this.google.node, this.help]) node.hidden = !first;
    this.input.disabled = !first;
    if (first) return this.choose(first.id);
    const make = h("button", { type: "button", class: "primary" }, "Make a knowledge base");
    make.addEventListener("click", () => void this.make());
    this.list.replaceChildren(h("li", { class: "nothing" }, h("p", {}, "There is no knowledge base yet. Files and addresses go into one, and agents answer from it."), make));
  }

  private async make(): Promise<void> {
    try {
      await this.api.ask("POST", "knowledge-bases", { name: "Knowledge" });
    } catch (error) {
      toast(reason(error));
    }
    this.list.replaceChildren();
    await this.start();
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
    if (!this.stopped) this.timer = window.setTimeout(() => void this.refresh(), moving ? POLL_MS : WORDS_MS);
  }

  private render(): void {
    if (!this.base) return;
    const limits = this.base.limits;
    // As the server counts: a file that failed takes no place, unless its older version still answers.
    const counted = this.sources.filter(({ state, live_version }) => state !== "failed" || live_version !== null);
    const bytes = counted.reduce((sum, source) => sum + source.bytes, 0);
    const count = `${counted.length} of ${limits.max_sources} sources`;
    const each = limits.max_bytes_per_file;
    this.usage.textContent = `${count} · ${size(bytes)}${each ? "" : ` of ${size(limits.max_bytes)}`}`;
    const most = `${size(limits.max_bytes)} (${limits.max_bytes.toLocaleString("en")} bytes)`;
    this.room.textContent = `At most ${limits.max_sources} sources, ${most} ${each ? "each" : "together"}, and ${limits.max_pages.toLocaleString("en")} pages in a file.`;
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
      publish: (value) => void this.change("PATCH", `sources/${source.id}`, { public: value }),
      remove: () => void this.remove(source),
      sync: () => void this.change("POST", `sources/${source.id}/sync`),
      schedule: (seconds) => void this.change("PATCH", `sources/${source.id}`, { sync_every_seconds: seconds }),
      compare: () => this.compare(this.base?.id ?? "", source.id, null),
    });
    this.rows.set(source.id, row);
    this.list.append(row.node);
    return row;
  }

  private async change(method: "POST" | "PATCH", path: string, body?: object): Promise<void> {
    try {
      await this.api.ask(method, path, body);
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

  private async remove({ id, name }: Source): Promise<void> {
    try {
      await this.api.ask("DELETE", `sources/${id}`);
      toast(`${name} is deleted; no answer uses it any more.`, { label: "Undo", run: () => void this.restore(id) });
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
    if (!this.base) return;
    const waiting = files.map((file) => {
      const state = h("span", { class: "state" }, "Waiting");
      const node = h("li", {}, h("div", { class: "what" }, h("b", {}, file.name), h("span", { class: "quiet" }, size(file.size))), state);
      this.uploads.append(node);
      return { file, state, node };
    });
    await this.refresh(); // what is here now decides what would be replaced
    for (const one of waiting) {
      const name = one.file.name.normalize("NFC");
      const known = this.sources.find((each) => each.origin === "upload" && each.live_version !== null && each.name === name);
      if (known) this.askFirst(known, one.file, one.node, one.state);
      else await this.send(one.file, one.node, one.state);
    }
  }

  /** A file of a known name would take that one's place: the admin may see first what that changes. */
  private askFirst({ id }: Source, file: File, node: HTMLElement, state: HTMLElement): void {
    state.textContent = "Replaces the one that is here";
    const button = (label: string, run: () => void, kind = "") => {
      const made = h("button", { type: "button", class: kind, "aria-label": `${label}: ${file.name}` }, label);
      made.addEventListener("click", run);
      return made;
    };
    const actions = h(
      "div",
      { class: "actions" },
      button("See what would change", () => this.compare(this.base?.id ?? "", id, file), "primary"),
      button("Replace now", () => {
        actions.remove();
        void this.send(file, node, state);
      }),
      button("Cancel", () => node.remove(), "plain"),
    );
    node.append(actions);
  }

  private async send(file: File, node: HTMLElement, state: HTMLElement): Promise<void> {
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
