// Markdown to elements, as far as model cards use it. Every text stays a text: no HTML of theirs.

import { el, table } from "./dom.js";

const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|(?<![\w*])\*([^*\s](?:[^*]*[^*\s])?)\*(?!\w)|!?\[([^\]]*)\]\(([^)\s]+)\)|\\([\\`*_{}[\]<>#|~&$.!()+-])/;

/** Return the elements of a text; its greatest heading becomes one of `level`. */
export function markdown(text, level = 3) {
  const lines = text.split("\n");
  const found = [];
  while (lines.length) found.push(...block(lines, level));
  return found;
}

function block(lines, level) {
  const line = lines[0];
  if (!line.trim()) return lines.shift(), [];
  const fence = line.match(/^ {0,3}(`{3,}|~{3,})/)?.[1];
  if (fence) return [code(lines, fence)];
  const heading = line.match(/^(#{1,6})\s+(.*?)\s*#*$/);
  if (heading) {
    lines.shift();
    return [el(`h${Math.min(6, heading[1].length + level - 1)}`, {}, inline(heading[2]))];
  }
  if (/^ {0,3}([-*_])(?:\s*\1){2,}\s*$/.test(line)) return lines.shift(), [el("hr")];
  if (isRow(line) && /^\s*\|?\s*:?-+/.test(lines[1] ?? "")) return [grid(lines)];
  if (item(line)) return [list(lines)];
  if (/^ {0,3}>/.test(line)) {
    const quoted = take(lines, one => /^ {0,3}>/.test(one)).map(one => one.replace(/^ {0,3}> ?/, ""));
    return [el("blockquote", {}, markdown(quoted.join("\n"), level))];
  }
  const said = take(lines, (one, first) => one.trim() && (first || !begins(one)));
  return [el("p", {}, inline(said.join("\n")))];
}

const isRow = line => line.trim().startsWith("|");
const item = line => line.match(/^(\s*)(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/);
const begins = line => /^ {0,3}(#{1,6}\s|```|~~~|>|\|)/.test(line) || item(line);

function take(lines, goesOn) {
  const taken = [];
  while (lines.length && goesOn(lines[0], !taken.length)) taken.push(lines.shift());
  return taken;
}

function code(lines, fence) {
  lines.shift();
  const inside = take(lines, one => !one.trim().startsWith(fence));
  lines.shift();
  return el("pre", { tabindex: "0" }, el("code", {}, inside.join("\n")));
}

function grid(lines) {
  const cells = line => line.trim().replace(/^\||(?<!\\)\|$/g, "").split(/(?<!\\)\|/).map(one => one.trim());
  const rows = take(lines, isRow).map(cells);
  const right = new Set(rows[1].flatMap((rule, index) => rule.endsWith(":") ? [index] : []));
  return table(rows[0].map(inline), rows.slice(2).map(row => row.map(inline)), right);
}

function list(lines) {
  const [, indent, , first] = item(lines[0]);
  const items = [];
  while (lines.length) {
    const found = item(lines[0]);
    if (!found || found[1].length !== indent.length) break;
    lines.shift();
    // What goes on with an item stands further in, or follows it without a blank line.
    const more = take(lines, one => one.trim() && (/^\s+/.test(one) || !begins(one))
      && !(item(one)?.[1].length <= indent.length));
    const nested = more.findIndex(one => item(one));
    const own = nested < 0 ? more : more.slice(0, nested);
    const said = inline([found[4], ...own.map(one => one.trim())].join("\n"));
    items.push(el("li", {}, said, nested < 0 ? [] : list(more.slice(nested))));
  }
  return first ? el("ol", { start: first }, items) : el("ul", {}, items);
}

function inline(text) {
  const found = text.match(INLINE);
  if (!found) return [text];
  const [whole, , code, bold, slanted, label, address, escaped] = found;
  const after = text.slice(found.index + whole.length);
  return [text.slice(0, found.index), part(), ...inline(after)];

  function part() {
    if (code !== undefined) return el("code", {}, code.trim());
    if (bold !== undefined) return el("strong", {}, inline(bold));
    if (slanted !== undefined) return el("em", {}, inline(slanted));
    if (escaped !== undefined) return escaped;
    // Pictures would be fetched from elsewhere: their words stand for them.
    const isLink = !whole.startsWith("!") && /^https?:\/\//i.test(address);
    return isLink ? el("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, inline(label)) : label;
  }
}
