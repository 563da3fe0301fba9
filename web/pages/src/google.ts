// Picking a Google document or spreadsheet: connect an account once, then choose one file; nothing else is read.
import { h } from "../../shared/dom";
import type { Api, List } from "./api";
import { reason, toast } from "./toast";

interface Connection {
  id: string;
  name: string;
  account: string;
  authorised: boolean;
  consent_url: string | null;
}

interface Document {
  id: string;
  name: string;
  kind: "google_doc" | "google_sheet";
}

const KINDS = { google_doc: "Document", google_sheet: "Spreadsheet" };

/** Google's consent page sends the browser back here with a code; the state begins with the connection's id. */
export async function endConsent(api: Api): Promise<void> {
  const asked = new URLSearchParams(location.search);
  const [code, state] = [asked.get("code"), asked.get("state")];
  if (!code || !state) return;
  history.replaceState(null, "", `${location.pathname}#knowledge`);
  try {
    await api.ask("POST", `google-connections/${state.split(".")[0]}/authorise`, { code, state });
    toast("Google is connected.");
  } catch (error) {
    toast(reason(error));
  }
}

export class GooglePicker {
  readonly node = h("details", { class: "google" }, h("summary", {}, "Add from Google Docs or Sheets"));
  private readonly accounts = h("ul");
  private readonly found = h("ul");
  private readonly key = h("input", { type: "file", accept: "application/json,.json" });
  private readonly client = h("input", { type: "text", required: true, "aria-label": "OAuth client id", placeholder: "Client id" });
  private readonly secret = h("input", { type: "password", required: true, autocomplete: "off", "aria-label": "OAuth client secret", placeholder: "Client secret" });

  constructor(
    private readonly api: Api,
    private readonly add: (body: object) => Promise<boolean>,
  ) {
    const form = h("form", { class: "address" }, this.client, this.secret, h("button", { type: "submit" }, "Connect by consent"));
    const file = h("label", {}, "Connect a service account with its key file (JSON): ", this.key);
    this.node.append(this.accounts, this.found, file, form);
    this.node.addEventListener("toggle", () => this.node.open && void this.show());
    this.key.addEventListener("change", () => void this.connectKey());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.connect({ name: "Google", client_id: this.client.value.trim(), client_secret: this.secret.value.trim() });
      form.reset();
    });
  }

  private async show(): Promise<void> {
    try {
      const known = await this.api.all<Connection>("google-connections");
      this.accounts.replaceChildren(...known.map((one) => this.account(one)));
    } catch (error) {
      toast(reason(error));
    }
  }

  private account({ id, name, account, authorised, consent_url }: Connection): HTMLLIElement {
    const what = h("div", { class: "what" }, h("b", {}, name), h("span", { class: "quiet" }, account));
    const next = authorised ? h("button", { type: "button" }, "Choose a file") : h("a", { href: consent_url ?? "#" }, "Agree at Google");
    if (authorised) next.addEventListener("click", () => void this.list(id, null));
    const leave = h("button", { type: "button", class: "plain", "aria-label": `Disconnect ${name}` }, "Disconnect");
    leave.addEventListener("click", async () => {
      await this.api.ask("DELETE", `google-connections/${id}`).catch((error: unknown) => toast(reason(error)));
      this.found.replaceChildren();
      await this.show();
    });
    return h("li", {}, what, next, leave);
  }

  private async list(connection: string, cursor: string | null): Promise<void> {
    try {
      const page = await this.api.get<List<Document>>(`google-connections/${connection}/documents${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`);
      const rows: HTMLLIElement[] = page.items.map((one) => this.document(connection, one));
      if (page.next_cursor) {
        const more = h("button", { type: "button" }, "More");
        more.addEventListener("click", () => {
          more.parentElement?.remove();
          void this.list(connection, page.next_cursor);
        });
        rows.push(h("li", {}, more));
      }
      if (cursor) this.found.append(...rows);
      else this.found.replaceChildren(...(rows.length ? rows : [h("li", { class: "quiet" }, "Nothing is shared with this account yet.")]));
    } catch (error) {
      toast(reason(error));
    }
  }

  private document(connection: string, { id, name, kind }: Document): HTMLLIElement {
    const button = h("button", { type: "button", "aria-label": `Add ${name}` }, "Add");
    button.addEventListener("click", async () => {
      button.disabled = true;
      button.disabled = await this.add({ connection_id: connection, file_id: id });
    });
    return h("li", {}, h("div", { class: "what" }, h("b", {}, name), h("span", { class: "quiet" }, KINDS[kind])), button);
  }

  private async connectKey(): Promise<void> {
    const [file] = this.key.files ?? [];
    if (!file) return;
    try {
      await this.connect({ name: file.name, service_account: JSON.parse(await file.text()) as object });
    } catch {
      toast("This file is no JSON.");
    }
    this.key.value = "";
  }

  private async connect(body: object): Promise<void> {
    try {
      await this.api.ask("POST", "google-connections", body);
    } catch (error) {
      toast(reason(error));
    }
    await this.show();
  }
}
