// What the server sends (GET /widget/v1/events, POST /widget/v1/{site}/sessions).

export interface Citation {
  n: number;
  title: string;
  place: string;
  quote: string;
  url: string | null;
}

export interface Sentence {
  text: string;
  citations: Citation[];
}

export interface Message {
  message_id: string;
  seq: number;
  role: "contact" | "agent" | "staff" | "system";
  text: string;
  sentences?: Sentence[];
  status?: string;
  created_at: string;
  client_msg_id?: string | null;
}

/** One checked sentence of an answer that is still being written. */
export interface SentenceEvent extends Sentence {
  message_id: string;
  attempt: number;
  n: number;
}

export interface LiveEvent {
  cursor: number;
  kind: string;
  payload: unknown;
}

export interface Config {
  language: string;
  title: string;
  subtitle: string;
  colour: string;
  texts: Record<string, string>;
  suggestions: string[];
  limits: { max_chars: number };
}

export interface Session {
  token: string;
  conversation_id: string;
  cursor: number;
}
