// The forms in front of everything: log in (in two steps), choose a password, enrol a second factor.
import { h } from "../../shared/dom";
import { Problem, type Api, type Identity } from "./api";
import { reason } from "./toast";

interface Field {
  name: string;
  label: string;
  type: string;
  autocomplete: string;
}

type Values = Record<string, string>;

const PASSWORD: Field = { name: "password", label: "Password", type: "password", autocomplete: "current-password" };

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

function goOn(page: HTMLElement, next: HTMLElement): void {
  page.replaceWith(next);
  next.querySelector("input")?.focus();
}

export function logInForm(api: Api, done: (identity: Identity) => void): HTMLElement {
  const fields: Field[] = [
    { name: "email", label: "E-mail", type: "email", autocomplete: "username" },
    PASSWORD,
  ];
  const hint = "The address and first password were printed when AgentFlow started for the first time. Lost? Run “agentflow admin reset-password” on the server.";
  const page = form("Log in", hint, fields, "Log in", async ({ email = "", password = "" }) => {
    try {
      done(await api.logIn(email, password));
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== "second_factor_required") throw error;
      goOn(page, codeForm(api, error.challenge, done));
    }
  });
  return page;
}

const CODE: Field = { name: "code", label: "Code", type: "text", autocomplete: "one-time-code" };

function codeForm(api: Api, challenge: string, done: (identity: Identity) => void): HTMLElement {
  const hint = "Type the code that your authenticator app shows. Lost it? One of your recovery codes opens the door once.";
  return form("Second step", hint, [CODE], "Log in", async ({ code = "" }) => done(await api.sendCode(challenge, code)));
}

/** For admins of a workspace that asks them for a second factor. */
export function enrolForm(api: Api, done: () => void): HTMLElement {
  const hint = "Admins need a second factor here. Type your password once more, and have an authenticator app at hand.";
  const page = form("Second factor", hint, [PASSWORD], "Go on", async ({ password }) => {
    const { secret } = await api.ask<{ secret: string }>("POST", "auth/second-factor/enrol", { password });
    goOn(page, confirmForm(api, secret, done));
  });
  return page;
}

function confirmForm(api: Api, secret: string, done: () => void): HTMLElement {
  const hint = `Add this key to the authenticator app, then type the code it shows: ${secret}`;
  const page = form("Second factor", hint, [CODE], "Switch on", async ({ code }) => {
    const answer = await api.ask<{ recovery_codes: string[] }>("POST", "auth/second-factor/confirm", { code });
    const kept = h("button", { class: "primary", type: "button" }, "I have kept them");
    kept.addEventListener("click", done);
    const told = h("p", { class: "quiet" }, "Keep these recovery codes: each opens one log-in when the app is lost. They are shown this once.");
    const codes = h("pre", {}, answer.recovery_codes.join("\n"));
    page.replaceChildren(h("div", { class: "card entry" }, h("h1", {}, "Recovery codes"), told, codes, kept));
  });
  return page;
}

/** Where the link of an invitation or of a forgotten password leads. */
export function linkForm(api: Api, kind: "invite" | "reset", token: string, done: () => void): HTMLElement {
  const fields: Field[] = [
    { name: "password", label: "New password", type: "password", autocomplete: "new-password" },
    { name: "repeated", label: "New password again", type: "password", autocomplete: "new-password" },
  ];
  const hint = "The link works once. Use at least 12 characters; then log in with your e-mail address and this password.";
  return form("Choose a password", hint, fields, "Save and continue", async ({ password, repeated }) => {
    if (password !== repeated) throw new Error("The two passwords differ.");
    await api.ask("POST", kind === "invite" ? "auth/accept" : "auth/reset", { token, password });
    done();
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
