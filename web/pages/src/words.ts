// Numbers and moments as people say them.
const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 24 * 60],
  ["hour", 60],
  ["minute", 1],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function size(bytes: number): string {
  if (bytes < 1024) return plural(bytes, "byte");
  if (bytes < MIB) return `${Math.ceil(bytes / 1024)} KiB`;
  return `${(bytes / MIB).toFixed(1).replace(".0", "")} MiB`;
}

export function plural(count: number, word: string): string {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

/** "5 minutes ago", "in 2 hours", "yesterday". */
export function fromNow(iso: string): string {
  const minutes = Math.round((Date.parse(iso) - Date.now()) / MINUTE_MS);
  const [unit, length] = UNITS.find(([, each]) => Math.abs(minutes) >= each) ?? ["minute", 1];
  return minutes === 0 ? "just now" : relative.format(Math.round(minutes / length), unit);
}
