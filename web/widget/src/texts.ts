// The server's catalogue speaks five languages; English stands in until it has answered.

const english = {
  open: "Open chat",
  close: "Close chat",
  send: "Send",
  placeholder: "Type your question…",
  conversation_log: "Conversation",
  greeting: "Hello! How can we help you?",
  suggestions: "For example",
  assistant: "AI assistant",
  staff: "Team member",
  you: "You",
  sources: "Sources",
  source: "Source {n}",
  open_source: "Open the source",
  new_messages: "New messages",
  typing: "Typing…",
  reconnecting: "Reconnecting…",
  not_sent_retry: "Not sent. Tap to try again.",
  refused: "This message cannot be sent.",
  too_long: "This message is too long.",
  rate_limited: "You are sending a lot of messages. Please wait a moment and try again.",
  unavailable: "The chat is not available right now.",
  handoff: "Waiting for {team}",
  ended: "This conversation has ended.",
  sent: "Sent",
  read: "Read",
};

/** The launcher is labelled before anything is fetched. */
const launcher: Record<string, string> = {
  nl: "Chat openen",
  de: "Chat öffnen",
  es: "Abrir el chat",
  fr: "Ouvrir le chat",
};

export type TextKey = keyof typeof english;

let texts: Record<string, string> = english;

export function speak(language: string, catalogue: Record<string, string> = {}): void {
  const open = launcher[language.slice(0, 2)];
  texts = { ...english, ...(open ? { open } : {}), ...catalogue };
}

export function text(key: TextKey, values: Record<string, string | number> = {}): string {
  return (texts[key] ?? "").replace(/\{(\w+)\}/g, (whole, name: string) => `${values[name] ?? whole}`);
}

export function direction(language: string): "rtl" | "ltr" {
  return /^(ar|fa|he|ur)\b/.test(language) ? "rtl" : "ltr";
}
