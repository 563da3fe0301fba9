// What the visitor wrote, until the server has it. Each message keeps its own id, so sending it twice is
// safe; the list outlives a reload of the tab.
import { randomId } from "../../shared/dom";

export interface Waiting {
  id: string;
  text: string;
}

export class Outbox {
  private waiting: Waiting[];

  constructor(private readonly key: string) {
    this.waiting = this.load();
  }

  get all(): readonly Waiting[] {
    return this.waiting;
  }

  add(text: string): Waiting {
    const message = { id: `c-${randomId()}`, text };
    this.waiting.push(message);
    this.save();
    return message;
  }

  drop(id: string): void {
    this.waiting = this.waiting.filter((message) => message.id !== id);
    this.save();
  }

  private load(): Waiting[] {
    try {
      return JSON.parse(sessionStorage.getItem(this.key) ?? "[]") as Waiting[];
    } catch {
      return [];
    }
  }

  private save(): void {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.waiting));
    } catch {
      // storage is forbidden or full: the list lives as long as the page
    }
  }
}
