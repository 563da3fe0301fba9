// The two forms in front of everything: log in, and change the first password.
import { h } from "../../shared/dom";
import type { Api, Identity } from "./api";
import { reason } from "./toast";

interface Field {
  name: string;
  label: string;
  type: string;
  autocomplete: string;
}

type Values = Record<string, string>;

function form(title: string, hint: string, fields: Field[], action: string, run: (values: Values) => Promise<void>): HTMLElement {
  const problem = h("p", { class: "problem", role: "alert" });
  const button = h("button", { class: "primary" }, action);
  const inputs = fields.map(({ label, ...rest }) =>
    h("label", {}, label, h("input", { ...rest, required: true })),
  );
  const element = h("form", { class: "card entry" }, h("h1", {}, title), h("p", { class: "quiet" }, hint), ...inputs, problem, button);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    run(Object.fromEntries(new FormData(element).entries()) as Values)
      .catch((error: unknown) => (problem.textContent = reason(error)))
      .finally(() => (button.disabled = false));
  });
  return h("main", { class: "entrance" }, element);
}

export function logInForm(api: Api, done: (identity: Identity) => void): HTMLElement {
  const fields: Field[] = [
    { name: "email", label: "E-mail", type: "email", autocomplete: "username" },
    { name: "password", label: "Password", type: "password", autocomplete: "current-password" },
  ];
  const hint = "The address and first password were printed when AgentFlow started for the first time. Lost? Run “agentflow admin reset-password” on the server.";
  return form("Log in", hint, fields, "Log in", async ({ email = "", password = "" }) => {
    done(await api.logIn(email, password));
  });
}

export function passwordForm(api: Api, email: string, done: () => void): HTMLElement {
  const fields: Field[] = [
    { name: "current", label: "First password", type: "password", autocomplete: "current-password" },
    { name: "new", label: "New password", type: "password", autocomplete: "new-password" },
    { name: "repeated", label: "New password again", type: "password", autocomplete: "new-password" },
  ];
  const hint = "The first password was shown on a screen, so it is good for this one step only. Use at least 12 characters.";
  const page = form("Choose a new password", hint, fields, "Save and continue", async ({ current, new: wanted, repeated }) => {
    if (wanted !== repeated) throw new Error("The two new passwords differ.");
    await api.ask("POST", "auth/password", { current, new: wanted });
    done();
  });
  // Password managers file the new password under this name.
  const account = h("input", { type: "text", autocomplete: "username", value: email, hidden: true });
  page.querySelector("form")?.prepend(account);
  return page;
}
