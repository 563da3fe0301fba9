// The questions tab: what visitors asked in vain, answers to it, and a search that says why.
import { h } from "../../shared/dom";
import type { Api } from "./api";
import { GapList } from "./gaps";
import { FilePreview } from "./preview";
import { SearchConsole } from "./search";
import { reason, toast } from "./toast";

interface KnowledgeBase {
  id: string;
  name: string;
}

/** A source to compare with a new version of it, as chosen on another tab. */
export interface Comparison {
  base: string;
  source: string;
  file: File | null;
}

export class QuestionsTab {
  readonly node = h("main", { class: "page questions" });
  private readonly bases = h("select", { "aria-label": "Knowledge base" });
  private readonly gaps: GapList;
  private readonly search: SearchConsole;
  private readonly preview: FilePreview;

  constructor(
    private readonly api: Api,
    private readonly comparison: Comparison | null,
  ) {
    this.gaps = new GapList(api);
    this.search = new SearchConsole(api);
    this.preview = new FilePreview(api);
    const heading = h("div", { class: "heading" }, h("h1", {}, "Questions"), this.bases);
    const parts = [this.gaps.node, this.search.node, this.preview.node];
    this.node.append(heading, ...(comparison ? parts.toReversed() : parts)); // what was asked for stands first
    this.bases.addEventListener("change", () => this.choose(this.bases.value));
    void this.start();
  }

  stop(): void {
    this.gaps.stop();
    this.preview.stop();
  }

  private async start(): Promise<void> {
    try {
      const known = await this.api.all<KnowledgeBase>("knowledge-bases");
      this.bases.replaceChildren(...known.map(({ id, name }) => h("option", { value: id }, name)));
      this.bases.hidden = known.length < 2;
      const id = this.comparison?.base ?? known[0]?.id ?? "";
      this.bases.value = id;
      this.choose(id, this.comparison);
    } catch (error) {
      toast(reason(error));
    }
  }

  private choose(id: string, comparison: Comparison | null = null): void {
    this.gaps.choose(id);
    this.search.choose(id);
    void this.preview.choose(id, comparison?.source, comparison?.file);
  }
}
