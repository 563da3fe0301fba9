// What was deleted: until when it can be brought back, the way to do so, and the way to end it now.
import { h } from "../../shared/dom";
import type { Api } from "./api";
import { reason } from "./toast";
import { plural, size } from "./words";

export interface Binned {
  id: string;
  name: string;
  deleted_at: string;
}

/** What the server removed with a source. */
interface Purged {
  name: string;
  versions: number;
  passages: number;
  sentence_vectors: number;
  tables: number;
  files: number;
  bytes: number;
}

const KEPT_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;
const HELP = `What you delete is out of every answer at once. It waits here for ${KEPT_DAYS} days in case you want it back.`;

export class Bin {
  readonly node = h("details", { class: "bin" });
  private readonly label = h("summary");
  private readonly list = h("ul");
  private readonly dialog = h("dialog", { "aria-labelledby": "purge-title" });

  constructor(
    private readonly api: Api,
    private readonly restore: (id: string) => Promise<void>,
    private readonly erased: () => Promise<void>,
  ) {
    this.node.append(this.label, h("p", { class: "quiet" }, HELP), this.list, this.dialog);
    this.dialog.addEventListener("close", () => this.label.focus());
  }

  show(binned: Binned[]): void {
    // What is past its day can no longer be restored, though the server may take an hour to erase it.
    const kept = binned.filter(({ deleted_at }) => end(deleted_at) > Date.now());
    kept.sort((a, b) => b.deleted_at.localeCompare(a.deleted_at));
    this.label.textContent = `Recently deleted (${kept.length})`;
    const nothing = h("li", { class: "quiet" }, "Nothing was deleted.");
    this.list.replaceChildren(...(kept.length ? kept.map((one) => this.row(one)) : [nothing]));
  }

  private row(binned: Binned): HTMLLIElement {
    const { id, name, deleted_at } = binned;
    const back = h("button", { type: "button", "aria-label": `Restore ${name}` }, "Restore");
    back.addEventListener("click", async () => {
      back.disabled = true;
      await this.restore(id);
      this.label.focus();
    });
    const erase = h("button", { type: "button", class: "plain", "aria-label": `Delete for good: ${name}` }, "Delete for good");
    erase.addEventListener("click", () => this.confirm(binned));
    const dates = `Deleted ${day(Date.parse(deleted_at))} · gone for good on ${day(end(deleted_at))}`;
    return h("li", {}, h("div", { class: "what" }, h("b", {}, name), h("span", { class: "quiet" }, dates)), back, erase);
  }

  private confirm({ id, name }: Binned): void {
    const yes = h("button", { type: "button", class: "danger" }, "Delete for good");
    const no = h("button", { type: "button", autofocus: true }, "Keep it");
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    yes.addEventListener("click", async () => {
      yes.disabled = no.disabled = true;
      try {
        this.report(await this.api.ask<Purged>("POST", `sources/${id}/purge`));
        await this.erased();
      } catch (error) {
        problem.textContent = reason(error);
        problem.hidden = yes.disabled = no.disabled = false;
      }
    });
    no.addEventListener("click", () => this.dialog.close());
    const words = "The file, its older versions and all that was read from it are removed. Nobody can bring them back.";
    this.fill(`Delete ${name} for good?`, h("p", {}, words), problem, h("div", { class: "actions" }, no, yes));
    this.dialog.showModal();
  }

  private report(purged: Purged): void {
    const { versions, passages, sentence_vectors, tables, files, bytes } = purged;
    const lines = [
      `Files: ${plural(files, "file")} of ${plural(versions, "version")}, ${size(bytes)}`,
      `Database: ${plural(passages, "passage")}, ${plural(tables, "table")}`,
      `Vector index: ${plural(passages, "vector")} of passages, ${sentence_vectors.toLocaleString("en")} of sentences`,
      "Word index: its words are no longer in it",
    ];
    const close = h("button", { type: "button" }, "Close");
    close.addEventListener("click", () => this.dialog.close());
    const list = h("ul", { class: "report" }, ...lines.map((line) => h("li", {}, line)));
    this.fill(`${purged.name} is gone for good`, h("p", {}, "This was looked for and removed:"), list, h("div", { class: "actions" }, close));
    close.focus();
  }

  private fill(title: string, ...content: Node[]): void {
    this.dialog.replaceChildren(h("h2", { id: "purge-title" }, title), ...content);
  }
}

function end(deletedAt: string): number {
  return Date.parse(deletedAt) + KEPT_DAYS * DAY_MS;
}

function day(moment: number): string {
  return new Date(moment).toLocaleDateString([], { day: "numeric", month: "long" });
}
