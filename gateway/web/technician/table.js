// Tables that stay tables for screen readers when a narrow page shows their rows as cards.

import { element } from "../shared/dom.js";

/** An element with a role, which a stylesheet cannot take away. */
export function roled(tag, role, ...children) {
  const made = element(tag, {}, ...children);
  made.setAttribute("role", role);
  return made;
}

/** `{ all, body }`: a table with these columns, and the part that its rows go into. */
export function table(title, labels) {
  const head = roled("tr", "row", ...labels.map((label) => roled("th", "columnheader", label)));
  const body = roled("tbody", "rowgroup");
  const caption = element("caption", { className: "unseen", textContent: title });
  return { all: roled("table", "table", caption, roled("thead", "rowgroup", head), body), body };
}

/** `{ all, cells }`: a row; its first cell names it. */
export function line(labels) {
  const cells = labels.map((label, place) => {
    const cell = place ? roled("td", "cell") : roled("th", "rowheader");
    cell.dataset.label = label;
    cell.dir = "auto";
    return cell;
  });
  return { all: roled("tr", "row", ...cells), cells };
}

/** A whole table of texts. */
export function filled(title, labels, rows) {
  const { all, body } = table(title, labels);
  for (const texts of rows) {
    const { all: row, cells } = line(labels);
    texts.forEach((text, place) => { cells[place].textContent = text; });
    body.append(row);
  }
  return all;
}

/** Without capitals and accents: nobody types them at a machine. */
export const plain = (text) => text.trim().normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
