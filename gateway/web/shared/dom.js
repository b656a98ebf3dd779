// Making and filling elements; names of machines are text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with its properties and children; one that is null is left out. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** An element of an SVG, with attributes. */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Written only where it differs: a screen reader hears of what has changed, a kiosk repaints no more. */
export function put(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

/** A list for screen readers too: Safari forgets that one without bullets is one. */
export function list(...children) {
  const made = element("ul", {}, ...children);
  made.setAttribute("role", "list");
  return made;
}
