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

export class QuestionsTab {
  readonly node = h("main", { class: "page questions" });
  private readonly bases = h("select", { "aria-label": "Knowledge base" });
  private readonly gaps: GapList;
  private readonly search: SearchConsole;
  private readonly preview: FilePreview;

  constructor(private readonly api: Api) {
    this.gaps = new GapList(api);
    this.search = new SearchConsole(api);
    this.preview = new FilePreview(api);
    const heading = h("div", { class: "heading" }, h("h1", {}, "Questions"), this.bases);
    this.node.append(heading, this.gaps.node, this.search.node, this.preview.node);
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
      this.choose(known[0]?.id ?? "");
    } catch (error) {
      toast(reason(error));
    }
  }

  private choose(id: string): void {
    this.gaps.choose(id);
    this.search.choose(id);
    void this.preview.choose(id);
  }
}
