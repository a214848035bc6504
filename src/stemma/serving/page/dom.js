// Small things that every view needs: elements, numbers, and what the tab remembers.

/** Make an element; children that are texts stay texts, whatever is in them. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (typeof value === "boolean") element.toggleAttribute(key, value);
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

export const at = id => document.getElementById(id);

/** A table with a header row; the columns whose index is in `right` hold numbers. */
export function table(columns, rows, right = new Set()) {
  const look = index => right.has(index) ? "right" : null;
  const head = columns.map((name, index) => el("th", { scope: "col", class: look(index) }, name));
  const body = rows.map(row => el("tr", {}, row.map((cell, index) => index
    ? el("td", { class: look(index) }, cell)
    : el("th", { scope: "row" }, cell))));
  const grid = el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body));
  // What scrolls sideways must be reached by keyboard.
  const width = columns.length > 4 ? "wide many" : "wide";
  return el("div", { class: width, tabindex: "0", role: "group", "aria-label": "table" }, grid);
}

/** A number as people read it: four digits, or all of a count. */
export function number(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "" : String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value.toLocaleString("en", { minimumSignificantDigits: 4, maximumSignificantDigits: 4 });
}

/** What the tab remembers; it forgets where the browser keeps nothing. */
export const memory = {
  get(name, otherwise = null) {
    try {
      return JSON.parse(sessionStorage.getItem(`stemma.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      sessionStorage.setItem(`stemma.${name}`, JSON.stringify(value));
    } catch {
      // Nothing is kept in this browser, or no more fits.
    }
  },
};

/** Fill a select with the names of versions, and keep what was chosen where it is still there. */
export function choices(select, names, chosen) {
  select.replaceChildren(...names.map(name => el("option", { value: name }, name)));
  if (names.includes(chosen)) select.value = chosen;
}
