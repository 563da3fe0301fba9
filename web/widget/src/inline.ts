// The small part of Markdown a message may use, turned into nodes: bold, code, links.
import { h } from "../../shared/dom";

const pattern = /\*\*([^*\n]+)\*\*|`([^`\n]+)`|\[([^\]\n]+)\]\(([^)\s]+)\)|(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]])/g;

/** The address if following it is safe: http, https or mailto; absolute, or below `base`. */
function safe(address: string, base?: string): string | null {
  try {
    const url = base ? new URL(address.replace(/^\//, ""), base) : new URL(address);
    return /^(https?|mailto):$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function link(address: string, label: string, base?: string): Node {
  const href = safe(address, base);
  if (!href) return document.createTextNode(label);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
}

export function inline(source: string): DocumentFragment {
  const out = document.createDocumentFragment();
  let end = 0;
  for (const match of source.matchAll(pattern)) {
    const [whole, bold, code, label, target, bare] = match;
    out.append(source.slice(end, match.index));
    end = match.index + whole.length;
    if (bold) out.append(h("strong", {}, bold));
    else if (code) out.append(h("code", {}, code));
    else if (label && target) out.append(link(target, label));
    else if (bare) out.append(link(bare, bare));
  }
  out.append(source.slice(end));
  return out;
}
