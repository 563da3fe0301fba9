// What was deleted: until when it can be brought back, and the way to do so.
import { h } from "../../shared/dom";

export interface Binned {
  id: string;
  name: string;
  deleted_at: string;
}

const KEPT_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

export class Bin {
  readonly node = h("details", { class: "bin" });
  private readonly label = h("summary");
  private readonly list = h("ul");

  constructor(private readonly restore: (id: string) => Promise<void>) {
    this.node.append(this.label, this.list);
  }

  show(binned: Binned[]): void {
    // What is past its day can no longer be restored, though the server may take an hour to erase it.
    const kept = binned.filter(({ deleted_at }) => end(deleted_at) > Date.now());
    kept.sort((a, b) => b.deleted_at.localeCompare(a.deleted_at));
    this.label.textContent = `Recently deleted (${kept.length})`;
    const nothing = h("li", { class: "quiet" }, `Nothing here. A file you delete can be restored for ${KEPT_DAYS} days.`);
    this.list.replaceChildren(...(kept.length ? kept.map((one) => this.row(one)) : [nothing]));
  }

  private row({ id, name, deleted_at }: Binned): HTMLLIElement {
    const button = h("button", { type: "button", "aria-label": `Restore ${name}` }, "Restore");
    button.addEventListener("click", async () => {
      button.disabled = true;
      await this.restore(id);
      this.label.focus();
    });
    const dates = `Deleted ${day(Date.parse(deleted_at))} · gone for good on ${day(end(deleted_at))}`;
    return h("li", {}, h("div", { class: "what" }, h("b", {}, name), h("span", { class: "quiet" }, dates)), button);
  }
}

function end(deletedAt: string): number {
  return Date.parse(deletedAt) + KEPT_DAYS * DAY_MS;
}

function day(moment: number): string {
  return new Date(moment).toLocaleDateString([], { day: "numeric", month: "long" });
}
