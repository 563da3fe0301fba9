// The small admin page: who you are decides what stands on the screen.
import { h } from "../../shared/dom";
import { Api, type Identity } from "./api";
import { ConversationsTab } from "./conversations";
import { endConsent } from "./google";
import { KnowledgeTab } from "./knowledge";
import { enrolForm, linkForm, logInForm, passwordForm } from "./login";
import { QuestionsTab, type Comparison } from "./questions";
import { clearToast, reason, toast } from "./toast";

const app = document.querySelector<HTMLElement>("#app") ?? document.body;
const api = new Api();
let tab: { node: HTMLElement; stop(): void } | null = null;

const TABS = { knowledge: "Knowledge", questions: "Questions", conversations: "Conversations" };
type TabName = keyof typeof TABS;

function show(...nodes: HTMLElement[]): void {
  tab?.stop();
  tab = null;
  app.replaceChildren(...nodes);
  app.querySelector<HTMLElement>("input:not([hidden])")?.focus();
}

function enter(identity: Identity | null): void {
  if (!identity) return show(logInForm(api, enter));
  if (identity.must_change_password) return show(passwordForm(api, identity.staff.email, () => void begin()));
  if (identity.second_factor_missing) return show(enrolForm(api, () => void begin()));
  void endConsent(api);
  const place = h("div");
  const nav = h("nav", { "aria-label": "Sections" });
  const open = (name: TabName, comparison: Comparison | null = null) => {
    tab?.stop();
    clearToast();
    if (name === "questions") tab = new QuestionsTab(api, comparison);
    else if (name === "conversations") tab = new ConversationsTab(api, identity.staff.id);
    else tab = new KnowledgeTab(api, (base, source, file) => open("questions", { base, source, file }));
    place.replaceChildren(tab.node);
    for (const button of nav.querySelectorAll("button")) button.ariaCurrent = button.name === name ? "page" : null;
    history.replaceState(null, "", `#${name}`);
  };
  for (const [name, label] of Object.entries(TABS)) {
    const button = h("button", { type: "button", name }, label);
    button.addEventListener("click", () => open(name as TabName));
    nav.append(button);
  }
  const leave = h("button", { type: "button", class: "plain" }, "Log out");
  leave.addEventListener("click", () => void logOut());
  const logo = h("img", { src: "/static/favicon.svg", alt: "", width: "28", height: "28" });
  const brand = h("a", { href: "/", class: "brand" }, logo, identity.workspace.name);
  const who = h("span", { class: "quiet who" }, identity.staff.email);
  show(h("header", { class: "top" }, brand, nav, who, leave), place);
  const asked = location.hash.slice(1);
  open(asked in TABS ? (asked as TabName) : "knowledge");
}

async function logOut(): Promise<void> {
  await api.ask("POST", "auth/logout").catch((error: unknown) => toast(reason(error)));
  enter(null);
}

async function begin(): Promise<void> {
  const link = /^#(invite|reset)=(.+)$/.exec(location.hash);
  if (link) {
    history.replaceState(null, "", location.pathname); // the token belongs in no history
    return show(linkForm(api, link[1] as "invite" | "reset", link[2] ?? "", () => enter(null)));
  }
  try {
    enter(await api.me());
  } catch (error) {
    show(h("main", { class: "entrance" }, h("p", { class: "problem", role: "alert" }, reason(error))));
  }
}

api.onEnded = () => enter(null);
void begin();
