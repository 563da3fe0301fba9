// The launcher and the dialog around the conversation. It knows no server.
import { h, icon } from "../../shared/dom";
import answerStyle from "./answer.css";
import { direction, text } from "./texts";
import type { Config } from "./types";
import style from "./widget.css";

const CHAT = "M21 11.5a8.4 8.4 0 0 1-12.2 7.5L3 21l2-5.6A8.4 8.4 0 1 1 21 11.5z";
const CLOSE = "M6 6l12 12M18 6L6 18";
const DOWN = "M6 9l6 6 6-6";
const SEND = "M5 12h14M13 6l6 6-6 6";
const NARROW = "(max-width: 480px)";

/** Keys pressed in the chat are not the page's shortcuts. */
const PRIVATE_EVENTS = ["keydown", "keyup", "keypress", "beforeinput", "input", "paste", "focusin", "focusout"];

interface Actions {
  opened(): void;
  typed(): void;
  send(text: string): void;
}

export class Panel {
  readonly host = document.createElement("agentflow-chat");
  readonly root: ShadowRoot;
  private readonly frame = h("div", { class: "frame" });
  private readonly title = h("h2", { id: "title" });
  private readonly subtitle = h("p");
  private readonly close = h("button", { type: "button", class: "close" }, icon(CLOSE, 20));
  private readonly status = h("p", { class: "status", role: "status" });
  private readonly box = h("textarea", { rows: "1", maxlength: "4000", dir: "auto", enterkeyhint: "send" });
  private readonly submit = h("button", { class: "send" }, icon(SEND, 20));
  private readonly form = h("form", {}, this.box, this.submit);
  private readonly badge = h("span", { class: "badge", hidden: true });
  private readonly launcher = h("button", { type: "button", class: "launcher", "aria-expanded": "false" });
  private readonly dialog: HTMLElement;
  private unread = 0;
  private opener: Element | null = null; // where the focus goes back to

  constructor(
    private readonly log: HTMLElement,
    private readonly actions: Actions,
    debug: boolean,
  ) {
    const mark = h("div", { class: "mark" }, icon(CHAT, 20));
    const heading = h("header", {}, mark, h("div", {}, this.title, this.subtitle), this.close);
    this.dialog = h("section", { role: "dialog", "aria-labelledby": "title", hidden: true, dir: "ltr" }, heading, log, this.status, this.form);
    this.frame.append(this.dialog, this.launcher);
    this.root = this.host.attachShadow({ mode: debug ? "open" : "closed" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style + answerStyle);
    this.root.adoptedStyleSheets = [sheet];
    this.root.append(this.frame);
    this.host.style.setProperty("display", "block", "important");
    this.listen();
    this.label();
  }

  get isOpen(): boolean {
    return !this.dialog.hidden;
  }

  toggle(open: boolean): void {
    if (open === this.isOpen) return;
    this.dialog.hidden = !open;
    this.frame.classList.toggle("open", open);
    this.launcher.setAttribute("aria-expanded", String(open));
    this.label();
    if (!open) return this.giveBackFocus();
    this.opener = document.activeElement;
    this.setUnread(0);
    this.actions.opened();
    const touch = matchMedia(`${NARROW}, (pointer: coarse)`).matches; // no keyboard over the greeting
    (touch ? this.close : this.box).focus();
  }

  private giveBackFocus(): void {
    const elsewhere = this.opener instanceof HTMLElement && this.opener !== this.host && this.opener !== document.body;
    (elsewhere ? (this.opener as HTMLElement) : this.launcher).focus();
  }

  /** Names for screen readers at once; the visible ones come with the configuration. */
  label(): void {
    this.launcher.replaceChildren(icon(this.isOpen ? DOWN : CHAT), this.badge);
    this.launcher.setAttribute("aria-label", text(this.isOpen ? "close" : "open"));
    this.close.setAttribute("aria-label", text("close"));
    this.submit.setAttribute("aria-label", text("send"));
    this.box.setAttribute("aria-label", text("placeholder"));
    this.log.setAttribute("aria-label", text("conversation_log"));
  }

  dress(config: Config): void {
    this.label();
    this.title.textContent = config.title;
    this.subtitle.textContent = config.subtitle;
    this.box.placeholder = text("placeholder");
    this.box.maxLength = config.limits.max_chars;
    this.dialog.lang = config.language;
    this.dialog.dir = direction(config.language);
    if (!/^#[0-9a-f]{6}$/i.test(config.colour)) return;
    this.host.style.setProperty("--brand", config.colour);
    this.host.style.setProperty("--on-brand", isLight(config.colour) ? "#0f172a" : "#fff");
  }

  /** The configuration cannot be had: the dialog still needs a name, and the box a hint. */
  undressed(): void {
    this.title.textContent ||= text("conversation_log");
    this.box.placeholder ||= text("placeholder");
    this.say(text("unavailable"));
  }

  say(words: string): void {
    if (this.status.textContent !== words) this.status.textContent = words;
  }

  announce(): void {
    if (!this.isOpen) this.setUnread(this.unread + 1);
  }

  private setUnread(count: number): void {
    this.unread = count;
    this.badge.hidden = count === 0;
    this.badge.textContent = count > 9 ? "9+" : `${count}`;
    if (count) this.launcher.setAttribute("aria-label", `${text("open")}. ${text("new_messages")}: ${count}`);
  }

  private listen(): void {
    this.launcher.addEventListener("click", () => this.toggle(!this.isOpen));
    this.close.addEventListener("click", () => this.toggle(false));
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.toggle(false);
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    this.box.addEventListener("input", () => {
      this.fit();
      this.actions.typed();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const words = this.box.value.trim();
      this.box.value = "";
      this.fit();
      if (words) this.actions.send(words);
    });
    for (const name of PRIVATE_EVENTS) this.root.addEventListener(name, (event) => event.stopPropagation());
    const view = window.visualViewport; // the part above the on-screen keyboard
    view?.addEventListener("resize", () => this.host.style.setProperty("--view", `${view.height}px`));
  }

  /** The box grows with its text, up to what the style sheet allows. */
  private fit(): void {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
  }
}

/** Whether dark text reads better on this colour: WCAG relative luminance against the point of equal contrast. */
function isLight(colour: string): boolean {
  const part = (from: number) => {
    const value = parseInt(colour.slice(from, from + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5) > 0.2;
}
